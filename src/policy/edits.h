/* What milters want changed of a stranger's message, as a part of the policy role's answer to smtp (judge.h). Who answers has parsed what
 * strangers sent, and listened to programs of others: so smtp believes nothing of it that doesn't fit the message, and no field that is its own. */
#ifndef POLICY_EDITS_H
#define POLICY_EDITS_H

#include "base/wire.h"

enum {
	POLICY_EDITS_MAX = 200,
	POLICY_EDIT_TEXT_MAX = 60000,
	POLICY_EDITS_SIZE = 256 * 1024,      /* of all texts */
	POLICY_ADDRESS_MAX = 512,
	POLICY_ADDRESSES_MAX = 16 * 1024,    /* of recipients that are removed or added, one a line */
};

/** Lines of the header in the place of which others stand. */
struct policy_edit {
	uint64_t at, len;  /* whole fields, or none */
	struct slice text; /* whole fields, or none */
};

struct policy_edits {
	struct policy_edit list[POLICY_EDITS_MAX]; /* in their order, none in another */
	size_t count;
	bool body;               /* another body is there, as the descriptor that came along */
	bool sender_changed;
	struct slice sender;     /* without brackets; may be empty */
	struct slice removed, added; /* recipients */
};

bool policy_edits_are_any(const struct policy_edits *edits);
void policy_edits_put(struct buf *out, const struct policy_edits *edits);
/** False: they aren't in order, or hold what mustn't get into a message or an envelope. */
bool policy_edits_read(struct wire_reader *reader, struct policy_edits *edits);
/** May a milter put a field of that name and value into a message that passes the host of that name? Without a value: change or remove one? What
 * tells of a message's way is ours alone, and so are the results of checks, unless they are under another name (RFC 8601 §5). */
bool policy_may_change_field(struct slice name, struct slice value, struct slice hostname);
/** Do they fit the message, of which the first `ours` bytes are fields that nobody changes? */
bool policy_edits_fit(const struct policy_edits *edits, struct slice message, size_t ours, struct slice hostname);

#endif
