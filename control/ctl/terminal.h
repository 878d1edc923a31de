/*
 * terminal.h - a terminal of its own for a live view: keys one by one, the whole screen redrawn in
 * place. However the program ends, by return, exit or a signal, the terminal is as it was before.
 */
#ifndef PENSTOCK_CONTROL_CTL_TERMINAL_H
#define PENSTOCK_CONTROL_CTL_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* What terminal_wait tells beside the characters that were typed. */
enum {
	TERMINAL_NOTHING = 0, /* the time is over */
	TERMINAL_UP = 256,
	TERMINAL_DOWN,
	TERMINAL_PAGE_UP,
	TERMINAL_PAGE_DOWN,
	TERMINAL_CHANGED, /* it has another size, or is ours again after a pause: draw */
	TERMINAL_END,	  /* a signal, or nobody types any more */
};

struct terminal_size {
	uint32_t columns, rows;
};

/* Standard input and output are one terminal. */
bool terminal_is_there(void);

/* Takes the terminal; call once. False: it cannot be had. */
bool terminal_open(void);

/* Gives it back; more than once does no harm. */
void terminal_close(void);

struct terminal_size terminal_size(void);

/* Characters of a line of standard output; 0: it is no terminal, lines may be as long as they are. */
uint32_t terminal_width(void);

/* Waits for a key, a signal or the time. A character, or one of the above. */
int terminal_wait(uint32_t ms);

/* Draws lines, each ended by a newline and no wider than the screen, over what is there. */
void terminal_draw(const char *text);

#endif
