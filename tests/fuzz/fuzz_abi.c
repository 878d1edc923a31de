/*
 * fuzz_abi.c - the other files of the run directory, made soundly and then edited by the input:
 * no reader crashes or reads outside them.
 *
 * The first byte chooses the file; then each ten bytes are an edit: an offset and eight bytes to
 * put there. Checksums are renewed where there are any.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "abi/answers.h"
#include "abi/asks.h"
#include "abi/capture.h"
#include "abi/board.h"
#include "abi/crc.h"
#include "abi/cursors.h"
#include "abi/history.h"
#include "abi/instance.h"
#include "abi/journal.h"
#include "abi/publish.h"
#include "abi/runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	SERVERS = 3,
	RECORDS = 8,
};

static uint64_t sum; /* keeps the compiler from leaving reads out */

static void
read_bytes(const void *p, size_t n)
{
	const uint8_t *byte = p;

	for (size_t i = 0; i < n; i++)
		sum += byte[i];
}

/* Edits fall on the first `room` bytes, where lengths and offsets lie. */
static void
edit(uint8_t *bytes, size_t room, const uint8_t *data, size_t n)
{
	for (; n >= 10; n -= 10, data += 10) {
		uint16_t at;

		memcpy(&at, data, sizeof(at));
		if (room < 8)
			return;
		memcpy(bytes + at % (room - 7), data + 2, 8);
	}
}

static void
fuzz_publish(const uint8_t *data, size_t n)
{
	struct publish p = { .generation = 1 }, got;
	struct abi_fault fault;

	edit((uint8_t *)&p, sizeof(p), data, n);
	publish_seal(&p);
	if (publish_check(&p, sizeof(p), &got, &fault))
		read_bytes(&got, sizeof(got));
	if (publish_check(data, n, &got, &fault))
		read_bytes(&got, sizeof(got));
}

static void
fuzz_runtime(const uint8_t *data, size_t n)
{
	size_t bytes = runtime_bytes(SERVERS, 2);
	uint8_t *mem = calloc(1, bytes);
	struct runtime_head head;
	struct runtime_server server;
	struct abi_fault fault;
	struct runtime rt;

	runtime_init(mem, SERVERS, 2);
	edit(mem, bytes, data, n);
	memcpy(&head, mem, sizeof(head));
	head.magic = RUNTIME_MAGIC;
	head.crc = 0;
	head.crc = abi_crc32c(0, &head, RUNTIME_HEAD_FIRST_BYTES);
	if (head.spare != 0) /* else only what changed nothing there is looked at */
		head.more_crc =
			abi_crc32c(0, &head.cpu_offset,
				   sizeof(head) - offsetof(struct runtime_head, cpu_offset));
	memcpy(mem, &head, sizeof(head));
	if (runtime_open(mem, bytes, &rt, &fault)) {
		for (uint32_t slot = 0; slot < rt.head.server_n + 1; slot++) {
			if (runtime_server(&rt, slot, slot + 1, &server) &&
			    server.address_n > RUNTIME_ADDRESSES_MAX)
				abort();
			sum += runtime_server_seq(&rt, slot);
		}
		for (uint32_t lane = 0; lane < rt.head.lane_n + 1; lane++)
			sum += runtime_lane_cpu(&rt, lane);
		for (uint32_t i = 0; i < rt.head.cpu_n; i++)
			sum += runtime_cpu(&rt, i).said;
		for (enum runtime_tune key = 0; key < RUNTIME_TUNES; key++)
			sum += runtime_tune(&rt, key);
	}
	free(mem);
}

static void
fuzz_instance(const uint8_t *data, size_t n)
{
	static struct instance in;
	static struct instance_facts facts;
	struct abi_fault fault;

	memset(&in, 0, sizeof(in));
	instance_init(&in);
	edit((uint8_t *)&in, sizeof(in), data, n);
	if (instance_read(&in, sizeof(in), &facts, &fault)) {
		for (uint32_t i = 0; i < facts.port_n; i++)
			sum += strlen(facts.port[i].name) + strlen(facts.port[i].driver);
		sum += strlen(facts.version) + strlen(facts.fault.part);
	}
}

static void
fuzz_board(const uint8_t *data, size_t n)
{
	size_t bytes = board_bytes(SERVERS);
	uint8_t *mem = aligned_alloc(64, bytes);
	struct board_head *head = (void *)mem;
	struct board board;
	struct board_view v;
	struct abi_fault fault;

	memset(mem, 0, bytes);
	board_init(mem, 0, 1, SERVERS, &board);
	edit(mem, bytes < 4096 ? bytes : 4096, data, n);
	head->magic = BOARD_MAGIC;
	if (head->entry_offset + (uint64_t)head->entry_n * head->entry_stride <= bytes) {
		struct board_head zero = *head;

		zero.crc = 0;
		head->crc = abi_crc32c(abi_crc32c(0, &zero, sizeof(zero)), mem + head->entry_offset,
				       (size_t)head->entry_n * head->entry_stride);
	}
	if (board_open(mem, bytes, &v, &fault)) {
		struct board_hist hist;
		struct board_entry e;

		for (uint32_t i = 0; i < v.head.entry_n; i++) {
			if (!board_entry(&v, i, &e))
				abort();
			sum += strlen(e.name) + strlen(e.unit);
			for (uint32_t k = 0; k < e.n && k < 100; k++)
				sum += board_word(&v, &e, k);
			if (board_hist(&v, &e, &hist))
				sum += board_hist_quantile(&hist, 0.99);
		}
		sum += board_find(&v, "conns");
	}
	free(mem);
}

static void
fuzz_journal(const uint8_t *data, size_t n)
{
	static const struct journal_access access = { .method_n = 3, .target_n = 40, .host_n = 4 };
	static const uint8_t text[64];
	static uint64_t room[JOURNAL_RECORD_MAX / 8];
	struct journal_text strings = { text, text, text, text };
	size_t bytes = journal_bytes(JOURNAL_BYTES_MIN);
	uint8_t *mem = aligned_alloc(64, bytes);
	struct journal_access got;
	struct journal_writer w;
	struct journal_reader r;
	struct abi_fault fault;

	memset(mem, 0, bytes);
	journal_init(mem, JOURNAL_BYTES_MIN, 0, 1, &w);
	for (uint32_t i = 0; i < RECORDS; i++)
		journal_put_access(&w, &access, &strings);
	edit(mem, sizeof(struct journal_head) + RECORDS * 512, data, n);
	if (journal_open(mem, bytes, &r, &fault)) {
		enum journal_got what;

		for (uint32_t i = 0; i < 10000; i++) {
			what = journal_next(&r, room, &got, &strings);
			if (what == JOURNAL_GOT_NOTHING)
				break;
			if (what == JOURNAL_GOT_RECORD) {
				read_bytes(strings.method, got.method_n);
				read_bytes(strings.target, got.target_n);
				read_bytes(strings.host, got.host_n);
				read_bytes(strings.agent, got.agent_n);
				read_bytes(strings.referer, got.referer_n);
				sum += journal_cause_name(got.cause)[0];
			}
		}
		sum += journal_dropped(&r) + journal_seek(&r, sum);
	}
	free(mem);
}

static void
fuzz_history(const uint8_t *data, size_t n)
{
	static struct history h, got;
	struct abi_fault fault;

	memset(&h, 0, sizeof(h));
	edit((uint8_t *)&h, sizeof(h), data, n);
	h.magic = HISTORY_MAGIC;
	h.version = HISTORY_VERSION;
	h.crc = 0;
	h.crc = abi_crc32c(0, &h, sizeof(h));
	if (history_check(&h, sizeof(h), &got, &fault)) {
		sum += history_crashes(&got, 0, 0, 1);
		history_refuse(&got, 1, 1, "0.1.0", &fault);
		history_start(&got, 1, 1, 1);
		sum += history_refusal(&got, 1, 1, "0.1.0") == NULL;
	}
	if (n >= sizeof(struct cursors))
		sum += cursors_check(data, n, &fault);
}

static void
fuzz_answers(const uint8_t *data, size_t n)
{
	static struct ask_filter filter = { .by = ASK_BY_ALL & ~ASK_BY_ID & ~ASK_BY_CLIENT };
	size_t bytes = answers_bytes(RECORDS);
	uint8_t *mem = aligned_alloc(64, bytes);
	struct answers_head *head = (void *)mem, zero;
	struct answers_state state;
	struct answers_view v;
	struct abi_fault fault;
	struct answers a;

	memset(mem, 0, bytes);
	answers_init(mem, 0, 1, RECORDS, &a);
	answers_begin(&a, 1);
	for (uint32_t i = 0; i < RECORDS / 2; i++)
		answers_keep(&a);
	answers_end(&a, ANSWERS_DONE, 0);
	edit(mem, bytes, data, n);
	head->magic = ANSWERS_MAGIC;
	head->version = ANSWERS_VERSION;
	zero = *head;
	zero.crc = 0;
	head->crc = abi_crc32c(0, &zero, sizeof(zero));
	if (answers_open(mem, bytes, &v, &fault) && answers_look(&v, &state)) {
		struct session s;

		for (uint32_t i = 0; i < state.found_n + 1; i++) {
			if (!answers_session(&v, state.ask_id, i, &s, &fault))
				continue;
			read_bytes(s.text, (size_t)s.method_n + s.host_n + s.target_n);
			sum += session_phase_name(s.phase)[0] + ask_fits(&filter, &s);
		}
	}
	free(mem);
}

static void
fuzz_ask(const uint8_t *data, size_t n)
{
	static struct session session = { .target_n = 4, .text = "/owa" };
	struct ask place = { .kind = ASK_KIND_FIND, .id = 1 }, got;
	struct abi_fault fault;

	edit((uint8_t *)&place, sizeof(place), data, n);
	if (ask_take(&place, 0, &got, &fault) && fault.kind == ABI_FAULT_NONE)
		sum += ask_fits(&got.filter, &session) + ask_kind_name(got.kind)[0];
	if (n >= sizeof(struct asks) && (uintptr_t)data % 64 == 0)
		sum += asks_check(data, n, &fault);
}

/* The head is sound: what a lane writes is not believed all the same. */
static void
fuzz_capture(const uint8_t *data, size_t n)
{
	static uint8_t mem[4096 + CAPTURE_RING_BYTES] __attribute__((aligned(64)));
	static uint8_t bytes[CAPTURE_SNAP_MAX];
	struct capture_packet packet = { .n = 100, .kept_n = 60 };
	struct capture_ring ring;
	struct capture_view v;
	struct abi_fault fault;

	memset(mem, 0, 4096 + 512);
	capture_init(mem, 0, 1, &ring);
	capture_begin(&ring, 1);
	for (int i = 0; i < 3; i++) {
		capture_place(&ring, &packet);
		capture_part(&ring, 0, bytes, packet.kept_n);
		capture_put(&ring);
	}
	edit(mem + 64, 64, data, n < 64 ? n : 64);
	if (n > 64)
		edit(mem + 4096, 512, data + 64, n - 64);
	if (!capture_open(mem, sizeof(mem), &v, &fault) || !capture_seek(&v, 1))
		return;
	for (int i = 0; i < 8 && capture_next(&v, 1, &packet, bytes) == CAPTURE_PACKET; i++)
		sum += packet.kept_n + bytes[0];
	sum += capture_missed(&v) + capture_evicted(&v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const fuzz[])(const uint8_t *data, size_t n) = {
		fuzz_publish, fuzz_runtime, fuzz_instance, fuzz_board,	 fuzz_journal,
		fuzz_history, fuzz_answers, fuzz_ask,	   fuzz_capture,
	};

	if (n > 0)
		fuzz[data[0] % (sizeof(fuzz) / sizeof(fuzz[0]))](data + 1, n - 1);
	return 0;
}
