/*
 * words.c - the words of every list in image.h, runtime.h, instance.h, board.h, journal.h, asks.h and
 * answers.h.
 */
#include "abi/answers.h"
#include "abi/asks.h"
#include "abi/board.h"
#include "abi/image.h"
#include "abi/instance.h"
#include "abi/journal.h"
#include "abi/runtime.h"

#define WORD(name, word) #word,

/* A function that gives the word at a position of a list. */
#define NAMES(function, list)                                                                      \
	const char *function(uint32_t v)                                                           \
	{                                                                                          \
		static const char *const at[] = { list(WORD) };                                    \
                                                                                                   \
		return v < sizeof(at) / sizeof(at[0]) ? at[v] : "unknown";                         \
	}

NAMES(img_poll_name, IMG_POLL_LIST)
NAMES(img_congestion_name, IMG_CONGESTION_LIST)
NAMES(img_device_name, IMG_DEVICE_LIST)
NAMES(img_role_name, IMG_ROLE_LIST)
NAMES(img_protocol_name, IMG_PROTOCOL_LIST)
NAMES(img_xff_name, IMG_XFF_LIST)
NAMES(img_scheme_name, IMG_SCHEME_LIST)
NAMES(img_balance_name, IMG_BALANCE_LIST)
NAMES(img_host_name, IMG_HOST_LIST)
NAMES(img_kind_name, IMG_KIND_LIST)
NAMES(img_blob_kind_name, IMG_BLOB_LIST)
NAMES(img_scope_kind_name, IMG_SCOPE_LIST)
NAMES(img_syntax_name, IMG_SYNTAX_LIST)
NAMES(img_action_name, IMG_ACTION_LIST)
NAMES(img_cond_kind_name, IMG_COND_LIST)
NAMES(img_input_kind_name, IMG_INPUT_LIST)
NAMES(img_op_kind_name, IMG_OP_LIST)
NAMES(img_set_kind_name, IMG_SET_LIST)
NAMES(img_map_kind_name, IMG_MAP_LIST)
NAMES(img_out_kind_name, IMG_OUT_LIST)
NAMES(runtime_admin_name, RUNTIME_ADMIN_LIST)
NAMES(runtime_core_name, RUNTIME_CORE_LIST)
NAMES(instance_core_state_name, INSTANCE_CORE_LIST)
NAMES(instance_verdict_name, INSTANCE_VERDICT_LIST)
NAMES(instance_steering_name, INSTANCE_STEERING_LIST)
NAMES(board_kind_name, BOARD_KIND_LIST)
NAMES(board_health_name, BOARD_HEALTH_LIST)
NAMES(ask_kind_name, ASK_KIND_LIST)
NAMES(answers_phase_name, ANSWERS_PHASE_LIST)
NAMES(session_phase_name, SESSION_PHASE_LIST)
NAMES(session_tcp_name, SESSION_TCP_LIST)

const char *
img_section_name(uint32_t id)
{
	static const char *const at[] = {
#define X(name, record, word, version, required, first) #word,
		IMG_SECTION_LIST(X)
#undef X
	};

	return id < IMG_SECTIONS ? at[id] : "unknown";
}

const char *
journal_cause_name(uint32_t cause)
{
	static const char *const at[] = {
#define X(name, word, text) #word,
		JOURNAL_CAUSE_LIST(X)
#undef X
	};

	return cause < JOURNAL_CAUSES ? at[cause] : "unknown";
}

const char *
journal_cause_text(uint32_t cause)
{
	static const char *const at[] = {
#define X(name, word, text) text,
		JOURNAL_CAUSE_LIST(X)
#undef X
	};

	return cause < JOURNAL_CAUSES ? at[cause] : "unknown";
}
