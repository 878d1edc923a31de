/* steer_object.S - the steering program of xdp ports (drivers-conf/xdp), as bytes. */
#include "steer_object.h"

	.section .rodata
	.balign 16
	.global steer_object
	.hidden steer_object
steer_object:
	.incbin STEER_OBJECT
	.global steer_object_end
	.hidden steer_object_end
steer_object_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
