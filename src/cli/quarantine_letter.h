/* What is shown of a message that lies in quarantine: safe for a terminal, whatever it holds. */
#ifndef CLI_QUARANTINE_LETTER_H
#define CLI_QUARANTINE_LETTER_H

#include "cli/command.h"
#include "policy/record.h"
#include "queue/queue.h"

struct cli_quarantined {
	const struct queue_message *message;
	struct slice author, subject;  /* of its header, in UTF-8 */
	struct score_found *found;
	size_t found_count;
	int points;                    /* of what is written down of it */
	const struct score_found *main; /* why, mostly; NULL: nothing is written down */
};

/** Reads the whole text of a message, as it came; it lives in `arena`. */
bool cli_quarantine_read(struct queue *queue, const struct queue_message *message, struct arena *arena, struct slice *text, struct error *error);
/** The same, of a large one the beginning alone: what a list shows. */
bool cli_quarantine_read_beginning(struct queue *queue, const struct queue_message *message, struct arena *arena, struct slice *text, struct error *error);
/** What a list shows of it; all in `arena`. */
void cli_quarantine_look(struct slice text, const struct queue_message *message, enum score_language language, struct arena *arena, struct cli_quarantined *out);

/** Prints header, findings, the text that a person would see, and of what is attached names and types; no more than some pages. */
void cli_quarantine_print(const struct cli_quarantined *quarantined, struct slice text, struct arena *arena);
json_t *cli_quarantine_json(const struct cli_quarantined *quarantined);
/** The same with header, text and attachments. */
json_t *cli_quarantine_json_whole(const struct cli_quarantined *quarantined, struct slice text, struct arena *arena);

#endif
