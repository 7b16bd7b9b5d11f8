/* Room set aside on the disk. Removing something takes a little room, too: a database writes what it is going to do before it
 * does it. On a full disk it would take something away to be able to take something away. So each folder that holds a
 * database has a file .reserve, which the master keeps while there is room enough; who can't remove something for want of
 * room gives up a part of it, and tries again. */
#ifndef BASE_RESERVE_H
#define BASE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RESERVE_BYTES = 4 * 1024 * 1024,
	RESERVE_STEP = 512 * 1024, /* what is given up at a time: others, who add, would take the rest */
};

/** Makes the folder's reserve whole again, if the disk has several times as much room. */
void reserve_keep(const char *folder);
/** Gives up a part of the folder's reserve; false if there is nothing left of it, or never was. */
bool reserve_give(const char *folder);

#endif
