/* What became of a message, in rows that whoever shows them puts in words (story/story.h): an extension of our own. Another role reads the event files, and tells of a message only what
 * concerns this account; so it doesn't matter what the header says by which it is found here. */
#ifndef JMAP_STORY_H
#define JMAP_STORY_H

#include "jmap/internal.h"

enum { JMAP_STORIES_MAX = 10 /* in a call: each is looked for in many megabytes */ };

enum net_run jmap_story_get(struct jmap_call *call);

#endif
