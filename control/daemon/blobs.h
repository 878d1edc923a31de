/*
 * blobs.h - removes blobs (control/blob.<hash>) that no image of the run directory names.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_BLOBS_H
#define PENSTOCK_CONTROL_DAEMON_BLOBS_H

/* Nothing is removed when an image cannot be read: what it needs is not known then. */
void blobs_sweep(int control_fd);

#endif
