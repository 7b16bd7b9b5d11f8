/* What is kept of a message's content beside it. */
#include "message/summary.h"
#include "store/mail/mail.h"

struct slice mail_summary(struct slice content, struct arena *arena)
{
	struct arena *tree = arena_new();
	struct slice summary = summary_encode(mime_parse(content, tree), arena);
	arena_free(&tree);
	return summary;
}
