/* Text of attachments for the indexer role. That role has everybody's mail before it, so it takes no document apart: a process beside it, started
 * before the role is confined, starts one more for each document, which may read nothing, write nothing but its answer, and has little memory and time.
 * What a document does to that process is the end of it. */
#ifndef MAIN_EXTRACTOR_H
#define MAIN_EXTRACTOR_H

#include "base/arena.h"
#include "base/error.h"
#include "extract/extract.h"

enum { EXTRACTOR_MEMORY = 512 * 1024 * 1024, EXTRACTOR_CPU_SECONDS = 8 };

struct extractor;
/** While the process has one thread. NULL with *error. */
struct extractor *extractor_new(struct error *error);
/** Sets *extractor to NULL. */
void extractor_free(struct extractor **extractor);
/** The text of a document, in `arena`; false: there is none, or it isn't to be had. One thread at a time. */
bool extractor_text(struct extractor *extractor, enum extract_kind kind, struct slice content, struct arena *arena, struct slice *text);

#endif
