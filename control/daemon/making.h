/*
 * making.h - a configuration's image, made in a process of its own.
 *
 * Rules may take seconds to compile, and control has journals to drain meanwhile; and whatever a
 * file does to its reader, control lives on. The child reads, checks and builds, writes the blobs
 * that are not there yet into the run directory, and tells through a pipe: progress, then a result
 * in JSON; the image's bytes lie in a memory file that both have. One at a time.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_MAKING_H
#define PENSTOCK_CONTROL_DAEMON_MAKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "abi/image.h"
#include "conf/errs.h"

/* Zeroed is "nothing is being made". */
struct making {
	pid_t pid;    /* 0: nothing */
	int fd;	      /* to be watched: the child tells something */
	int image_fd; /* the memory file */
	char *text;   /* malloc's: what was told and not read yet */
	size_t text_n, text_room;
	json_t *result;
	uint32_t done_n, all_n; /* patterns compiled, of how many; 0: not known yet */
};

/* Begins. `before`: the image published last, NULL: none. False: no process can be had. */
bool making_start(struct making *making, int control_fd, const char *path,
		  const struct img *before);

/* Reads what the child has told; waits for it if nothing has come. True: it has ended. */
bool making_read(struct making *making);

/*
 * After the end. The result: {"settings": …, "warnings": […], "files": […]} and the image's bytes (malloc's), or
 * {"answer": …}, an answer that says what is wrong, and NULL. Ends the making.
 */
json_t *making_take(struct making *making, void **ret_bytes, size_t *ret_n);

/* Ends the child if there is one. */
void making_stop(struct making *making);

/* {"ok": false, "error": …, "errors": […], "more": n} */
json_t *making_errs_json(const struct conf_errs *errs);

#endif
