/*
 * env.c - DPDK's environment layer, started without files, telemetry or a second process, and the
 * threads that may use it.
 *
 * Memory is fixed at the start: hugepages when the configuration wants them and enough are free,
 * else ordinary pages. DPDK makes a runtime directory all the same; it is empty and is removed at
 * once, while we still may.
 *
 * Nothing undoes it before the process ends: rte_eal_cleanup (22.11) unmaps what its own interrupt
 * thread still reads, such as the listener of a memif, which is never taken from that thread.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mempool.h>

#include "port/port.h"

enum {
	ARGS_MAX = 64,
	ARG_BYTES = 1024,
	BASE_MIB = 48, /* rings, device structures, mempool caches */
};

struct args {
	char text[ARGS_MAX][ARG_BYTES];
	char *v[ARGS_MAX + 1];
	int n;
};

static __attribute__((format(printf, 2, 3))) void
add(struct args *args, const char *format, ...)
{
	va_list ap;
	int n;

	ensure(args->n < ARGS_MAX);
	va_start(ap, format);
	n = vsnprintf(args->text[args->n], ARG_BYTES, format, ap);
	va_end(ap);
	ensure(n >= 0 && n < ARG_BYTES);
	args->v[args->n] = args->text[args->n];
	args->n++;
}

static uint64_t
read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long long v = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu", &v) != 1)
		v = 0;
	fclose(file);
	return v;
}

static uint64_t
free_huge_mib(void)
{
	return read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") * 2 +
	       read_number("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages") * 1024;
}

/*
 * This thread floats, and what DPDK starts from it, but not over the lanes' processors: to open the
 * tables of 10,000 rules takes a second, in which a lane that shared its processor would stand
 * still for milliseconds at a time. Where lanes poll on every processor nothing can be done.
 */
static void
leave_to_lanes(const struct img *img)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (uint32_t i = 0; i < img_n(img, IMG_CORES); i++)
		if (img_core(img, i)->cpu < CPU_SETSIZE)
			CPU_CLR(img_core(img, i)->cpu, &set);
	if (CPU_COUNT(&set) > 0)
		sched_setaffinity(0, sizeof(set), &set);
}

/* The main thread is no polling thread: it may use every processor that is left. */
static void
add_lcores(struct args *args)
{
	char list[ARG_BYTES - 32];
	size_t at = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	list[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && at + 8 < sizeof(list); cpu++) {
		if (CPU_ISSET(cpu, &set))
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%d",
					       at == 0 ? "" : ",", cpu);
	}
	add(args, "--lcores=0@(%s)", list);
}

static void
add_devices(struct args *args, const char *devices)
{
	if (devices == NULL || devices[0] == '\0') {
		add(args, "--no-pci");
		return;
	}
	while (*devices != '\0') {
		size_t n = strcspn(devices, ",");

		add(args, "--allow=%.*s", (int)n, devices);
		devices += n;
		devices += *devices == ',';
	}
}

bool
port_env_open(const struct port_env_conf *conf, struct port_env *ret_env, char *why)
{
	uint64_t mib =
		BASE_MIB + conf->extra_mib + ((uint64_t)conf->pool_bufs * PORT_BUF_BYTES >> 20);
	bool is_huge = conf->hugepages && free_huge_mib() >= mib + 2;
	struct args *args = calloc(1, sizeof(*args));
	char prefix[32], dir[64];
	int err;

	ensure(args != NULL);
	if (conf->lanes != NULL)
		leave_to_lanes(conf->lanes);
	snprintf(prefix, sizeof(prefix), "penstock-%d", (int)getpid());
	add(args, "penstock-dataplane");
	add(args, "--no-telemetry");
	add(args, "--iova-mode=va");
	add(args, "--file-prefix=%s", prefix);
	add(args, "--log-level=lib.*:error");
	add(args, "--log-level=pmd.*:error");
	add(args, "-m");
	add(args, "%llu", (unsigned long long)mib);
	if (is_huge) {
		add(args, "--in-memory");
		add(args, "--single-file-segments");
	} else { /* --no-huge means --legacy-mem, which --in-memory does not take */
		add(args, "--no-shconf");
		add(args, "--no-huge");
	}
	add_lcores(args);
	add_devices(args, conf->devices);
	err = rte_eal_init(args->n, args->v);
	snprintf(dir, sizeof(dir), "/var/run/dpdk/%s", prefix);
	rmdir(dir);
	rmdir("/var/run/dpdk"); /* stays when another process has something there */
	free(args);
	if (err < 0) {
		snprintf(why, PORT_WHY, "DPDK's environment (%llu MiB of %s): %s",
			 (unsigned long long)mib, is_huge ? "hugepages" : "memory",
			 rte_strerror(rte_errno));
		return false;
	}
	/* A server that is not there yet is no error; what is one, port_open says in its words. */
	rte_log_set_level_pattern("pmd.net.memif*", RTE_LOG_CRIT);
	*ret_env = (struct port_env){ .is_huge = is_huge, .mib = (uint32_t)mib };
	return true;
}

struct start {
	char name[16];
	void *(*run)(void *arg);
	void *arg;
};

/* What this thread's cache holds is for all again: nobody else would find it there. */
static void
empty_cache(struct rte_mempool *pool, void *arg)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());

	(void)arg;
	if (cache != NULL)
		rte_mempool_cache_flush(cache, pool);
}

static void *
begin(void *arg)
{
	struct start start = *(struct start *)arg;
	void *ret;

	free(arg);
	pthread_setname_np(pthread_self(), start.name);
	/* An lcore number gives the thread its mempool cache; without one it is only slower. */
	rte_thread_register();
	ret = start.run(start.arg);
	rte_mempool_walk(empty_cache, NULL);
	rte_thread_unregister();
	return ret;
}

int
port_thread_start(const char *name, int cpu, void *(*run)(void *arg), void *arg,
		  pthread_t *ret_thread, char *why)
{
	struct start *start = calloc(1, sizeof(*start));
	pthread_attr_t attr;
	cpu_set_t set;
	int err;

	ensure(start != NULL);
	snprintf(start->name, sizeof(start->name), "%s", name);
	start->run = run;
	start->arg = arg;
	pthread_attr_init(&attr);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((unsigned int)cpu, &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	err = pthread_create(ret_thread, &attr, begin, start);
	pthread_attr_destroy(&attr);
	if (err == 0)
		return 0;
	free(start);
	snprintf(why, PORT_WHY, "thread %s on processor %d: %s", name, cpu, strerror(err));
	return err;
}
