/* What is kept of a message's content beside it. */
#include "message/summary.h"
#include "store/mail/mail.h"

struct slice mail_summary(struct slice content, struct arena *arena)
{
	struct arena *tree = arena_new();
	struct mime_part *root = mime_parse(content, tree);
	root->envelope->preview = message_preview(content, root, tree);
	struct slice summary = summary_encode(root, arena);
	arena_free(&tree);
	return summary;
}
