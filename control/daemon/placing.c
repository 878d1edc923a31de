/*
 * placing.c - see placing.h.
 *
 * A processor runs lanes when machine.cores of the image that the data plane began with names it
 * and nobody has released it, or when somebody has added it. The data plane says which it is
 * (INSTANCE_CORE_HOME); while none runs, the published image does.
 */
#include "daemon/placing.h"

#include <string.h>

struct core {
	uint32_t cpu;
	bool is_home; /* of machine.cores */
	enum runtime_core said;
};

static bool
has_lanes(const struct core *core)
{
	return core->said == RUNTIME_CORE_NONE ? core->is_home : core->said == RUNTIME_CORE_ADDED;
}

static bool
is_home(const struct daemon *daemon, const struct instance_facts *facts, uint32_t cpu)
{
	const struct img *img = &daemon->tables.img;

	for (uint32_t i = 0; facts != NULL && i < IMG_CORES_MAX; i++) {
		if (facts->core[i].cpu == cpu && (facts->core[i].flags & INSTANCE_CORE_HOME) != 0)
			return true;
	}
	for (uint32_t i = 0; facts == NULL && i < img_n(img, IMG_CORES); i++) {
		if (img_core(img, i)->cpu == cpu)
			return true;
	}
	return false;
}

static struct core
core_of(const struct daemon *daemon, const struct instance_facts *facts, uint32_t cpu)
{
	return (struct core){ .cpu = cpu,
			      .is_home = is_home(daemon, facts, cpu),
			      .said = runtime_core(&daemon->overrides.runtime, cpu) };
}

/* Another one has lanes, and its thread runs where that can be known. */
static bool
has_another(const struct daemon *daemon, const struct instance_facts *facts, uint32_t cpu)
{
	const struct img *img = &daemon->tables.img;
	uint32_t n = facts != NULL ? IMG_CORES_MAX : img_n(img, IMG_CORES);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = facts != NULL ? facts->core[i].cpu : img_core(img, i)->cpu;
		struct core core = core_of(daemon, facts, at);

		if (at != cpu && has_lanes(&core) &&
		    (facts == NULL || facts->core[i].state == INSTANCE_CORE_RUNNING))
			return true;
	}
	return false;
}

/* A member that is a processor's number. */
static bool
cpu_of(const json_t *request, uint32_t *ret_cpu)
{
	const json_t *number = json_object_get(request, "cpu");
	json_int_t cpu = json_integer_value(number);

	if (!json_is_integer(number) || cpu < 0 || cpu >= RUNTIME_CPUS_MAX)
		return false;
	*ret_cpu = (uint32_t)cpu;
	return true;
}

/* ---- lanes ---- */

/* Of the data plane that runs; while none does, as many as there is room for. */
static uint32_t
lane_n_of(const struct daemon *daemon, const struct instance_facts *facts)
{
	return facts != NULL ? facts->lane_n : daemon->overrides.runtime.head.lane_n;
}

/* What the data plane says of a processor; NULL: nothing, or there is none. */
static const struct instance_core *
core_seen(const struct instance_facts *facts, uint32_t cpu)
{
	for (uint32_t i = 0; facts != NULL && i < IMG_CORES_MAX; i++) {
		if (facts->core[i].cpu == cpu && facts->core[i].state != INSTANCE_CORE_NONE)
			return &facts->core[i];
	}
	return NULL;
}

/* A lane and where it is sent. */
struct place {
	uint32_t lane;
	uint32_t cpu; /* ABI_NONE: where it began */
};

/*
 * NULL: the request can be carried out.
 *   added  a processor that is added in the same moment: what is said of it is of before
 */
static json_t *
lane_check(const struct daemon *daemon, const struct instance_facts *facts, const json_t *request,
	   uint32_t added, struct place *ret_place)
{
	const json_t *number = json_object_get(request, "lane"),
		     *where = json_object_get(request, "cpu");
	json_int_t lane = json_integer_value(number);
	const struct instance_core *seen;
	uint32_t cpu = ABI_NONE;
	struct core core;

	if (!json_is_integer(number) || (!cpu_of(request, &cpu) && !json_is_null(where)))
		return socket_error("lane needs \"lane\": a number, and \"cpu\": a number or null");
	if (lane < 0 || lane >= lane_n_of(daemon, facts))
		return socket_error("there is no lane %lld; penstockctl lanes lists them",
				    (long long)lane);
	core = core_of(daemon, facts, cpu);
	seen = core_seen(facts, cpu);
	if (cpu != ABI_NONE && !has_lanes(&core))
		return socket_error("processor %u runs no lanes; penstockctl cores lists those "
				    "that do, cores add %u makes it one of them",
				    cpu, cpu);
	if (seen != NULL && seen->state == INSTANCE_CORE_FAILED && cpu != added)
		return socket_error("processor %u runs no lanes: its thread cannot be started "
				    "(%s); penstockctl cores lists those that do",
				    cpu, strerror((int)seen->err));
	*ret_place = (struct place){ .lane = (uint32_t)lane, .cpu = cpu };
	return NULL;
}

/* All of the lanes of a list, or none; NULL: done. */
static json_t *
lanes_put(struct daemon *daemon, const struct instance_facts *facts, const json_t *lanes,
	  uint32_t added)
{
	struct place place[IMG_LANES_MAX];
	bool is_named[IMG_LANES_MAX] = { false };
	uint32_t n = 0;
	const json_t *one;
	size_t i;

	if (lanes != NULL && !json_is_array(lanes))
		return socket_error("\"lanes\" is a list of lanes, each with its \"cpu\"");
	json_array_foreach(lanes, i, one)
	{
		struct place at;
		json_t *error = lane_check(daemon, facts, one, added, &at);

		if (error != NULL)
			return error;
		if (is_named[at.lane])
			return socket_error("lane %u is sent twice", at.lane);
		is_named[at.lane] = true;
		place[n++] = at;
	}
	for (uint32_t k = 0; k < n; k++)
		runtime_put_lane_cpu(&daemon->overrides.runtime, place[k].lane, place[k].cpu);
	return NULL;
}

json_t *
placing_lane(struct daemon *daemon, const json_t *request)
{
	struct instance_facts known;
	const struct instance_facts *facts = daemon_facts(daemon, &known) ? &known : NULL;
	json_t *lanes = json_object_get(request, "lanes"), *error;
	struct place place;

	if (lanes != NULL) {
		error = lanes_put(daemon, facts, lanes, ABI_NONE);
		return error != NULL ? error : json_pack("{s:b, s:O}", "ok", 1, "lanes", lanes);
	}
	error = lane_check(daemon, facts, request, ABI_NONE, &place);
	if (error != NULL)
		return error;
	runtime_put_lane_cpu(&daemon->overrides.runtime, place.lane, place.cpu);
	return json_pack("{s:b, s:O, s:O}", "ok", 1, "lane", json_object_get(request, "lane"),
			 "cpu", json_object_get(request, "cpu"));
}

/* ---- cores ---- */

/* Puts it down; what machine.cores says already needs no word. False: there is no room. */
static bool
core_put(struct daemon *daemon, const struct core *core, bool runs)
{
	enum runtime_core said = runs == core->is_home ? RUNTIME_CORE_NONE
				 : runs		       ? RUNTIME_CORE_ADDED
						       : RUNTIME_CORE_RELEASED;

	return runtime_put_core(&daemon->overrides.runtime, core->cpu, said);
}

/* What sent lanes to a processor that is released counts no more, also when it is added again. */
static void
lanes_forget(struct daemon *daemon, uint32_t cpu)
{
	struct runtime *runtime = &daemon->overrides.runtime;

	for (uint32_t lane = 0; lane < runtime->head.lane_n; lane++) {
		if (runtime_lane_cpu(runtime, lane) == cpu)
			runtime_put_lane_cpu(runtime, lane, ABI_NONE);
	}
}

json_t *
placing_core(struct daemon *daemon, const json_t *request)
{
	const json_t *wanted = json_object_get(request, "runs");
	struct instance_facts known;
	const struct instance_facts *facts = daemon_facts(daemon, &known) ? &known : NULL;
	struct core core;
	json_t *error;
	uint32_t cpu;

	if (!cpu_of(request, &cpu) || !json_is_boolean(wanted))
		return socket_error("core needs \"cpu\": a number below %d, and \"runs\": true or "
				    "false",
				    RUNTIME_CPUS_MAX);
	core = core_of(daemon, facts, cpu);
	if (json_is_true(wanted) && facts != NULL && !instance_is_allowed(facts, cpu))
		return socket_error("the data plane may not use processor %u: it is offline, or "
				    "its CPUAffinity= or AllowedCPUs= leaves it out",
				    cpu);
	if (json_is_false(wanted) && !has_lanes(&core))
		return socket_error("processor %u runs no lanes; penstockctl cores lists those "
				    "that do",
				    cpu);
	if (json_is_false(wanted) && !has_another(daemon, facts, cpu))
		return socket_error("processor %u is the last that runs lanes; add another first: "
				    "penstockctl cores add N",
				    cpu);
	if (!core_put(daemon, &core, json_is_true(wanted)))
		return socket_error("too many processors were added and released already");
	error = lanes_put(daemon, facts, json_object_get(request, "lanes"),
			  has_lanes(&core) ? ABI_NONE : cpu);
	if (error != NULL) {
		runtime_put_core(&daemon->overrides.runtime, cpu, core.said);
		return error;
	}
	if (json_is_false(wanted))
		lanes_forget(daemon, cpu);
	return json_pack("{s:b, s:I, s:O, s:b}", "ok", 1, "cpu", (json_int_t)cpu, "runs", wanted,
			 "was", has_lanes(&core));
}

/* ---- tuning ---- */

/* A number, or for poll one of its words. */
static bool
value_of(enum runtime_tune key, const json_t *value, uint64_t *ret_v)
{
	const char *word = json_string_value(value);

	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*ret_v = (uint64_t)json_integer_value(value);
		return true;
	}
	for (uint32_t i = 0; key == RUNTIME_TUNE_POLL && word != NULL && i < IMG_POLLS; i++) {
		if (strcmp(img_poll_name(i), word) == 0) {
			*ret_v = i;
			return true;
		}
	}
	return false;
}

static enum runtime_tune
key_of(const char *name)
{
	enum runtime_tune key = 0;

	while (key < RUNTIME_TUNES &&
	       (name == NULL || strcmp(runtime_tune_key(key)->name, name) != 0))
		key++;
	return key;
}

struct setting {
	enum runtime_tune key;
	uint64_t v;
};

/* NULL: it can be carried out. */
static json_t *
setting_check(const json_t *request, struct setting *ret_setting)
{
	const char *name = json_string_value(json_object_get(request, "key"));
	const json_t *value = json_object_get(request, "value");
	enum runtime_tune key = key_of(name);
	uint64_t v = RUNTIME_TUNE_UNSAID;
	const struct runtime_tune_key *k;

	if (name == NULL || value == NULL)
		return socket_error("tune needs \"key\", and \"value\": a number, or null for what "
				    "is usual");
	if (key == RUNTIME_TUNES)
		return socket_error("there is no key '%s'; penstockctl tune lists them", name);
	k = runtime_tune_key(key);
	if (!json_is_null(value) && (!value_of(key, value, &v) || v < k->least || v > k->most))
		return key == RUNTIME_TUNE_POLL
			       ? socket_error("poll is adaptive or busy")
			       : socket_error("%s goes from %llu to %llu %s", name,
					      (unsigned long long)k->least,
					      (unsigned long long)k->most, k->unit);
	*ret_setting = (struct setting){ .key = key, .v = v };
	return NULL;
}

/* All of a list, or none; NULL: done. */
static json_t *
settings_put(struct daemon *daemon, const json_t *list)
{
	struct setting setting[RUNTIME_TUNES];
	bool is_named[RUNTIME_TUNES] = { false };
	uint32_t n = 0;
	const json_t *one;
	size_t i;

	if (json_array_size(list) == 0)
		return socket_error("\"settings\" is a list of keys, each with its \"value\"");
	json_array_foreach(list, i, one)
	{
		struct setting at;
		json_t *error = setting_check(one, &at);

		if (error != NULL)
			return error;
		if (is_named[at.key])
			return socket_error("%s is set twice", runtime_tune_key(at.key)->name);
		is_named[at.key] = true;
		setting[n++] = at;
	}
	for (uint32_t k = 0; k < n; k++)
		runtime_put_tune(&daemon->overrides.runtime, setting[k].key, setting[k].v);
	return NULL;
}

json_t *
placing_tune(struct daemon *daemon, const json_t *request)
{
	json_t *list = json_object_get(request, "settings"), *error;
	struct setting setting;

	if (list != NULL) {
		error = settings_put(daemon, list);
		return error != NULL ? error : json_pack("{s:b, s:O}", "ok", 1, "settings", list);
	}
	error = setting_check(request, &setting);
	if (error != NULL)
		return error;
	runtime_put_tune(&daemon->overrides.runtime, setting.key, setting.v);
	return json_pack("{s:b, s:O, s:O}", "ok", 1, "key", json_object_get(request, "key"),
			 "value", json_object_get(request, "value"));
}
