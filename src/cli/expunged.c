/* pombal account expunged, undelete: mail that its owner has removed, for as long as it can be brought back (option
 * undelete_for). */
#include "base/log.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/opened.h"
#include "message/header.h"
#include "message/summary.h"

/* ---- Listing ---- */

static struct slice text_of(struct slice raw, struct arena *arena)
{
	return raw.len > 0 ? header_decode(raw, arena) : raw;
}

static struct slice sender_of(const struct envelope *envelope, struct arena *arena)
{
	if (!envelope || envelope->from_count == 0)
		return SLICE("");
	return arena_printf(arena, "%.*s@%.*s", SLICE_ARG(envelope->from[0].local), SLICE_ARG(envelope->from[0].domain));
}

static void show(const struct cli_opened *work, const struct expunged_message *message, json_t *array)
{
	struct arena *arena = work->line->arena;
	const struct mime_part *root = summary_decode(message->summary, arena);
	struct slice from = sender_of(root ? root->envelope : NULL, arena);
	struct slice subject = root && root->envelope ? text_of(root->envelope->subject, arena) : SLICE("");
	char id[ID_TEXT_LEN + 1], when[32], size[32];
	id_format(message->id, id);
	if (work->line->json) {
		json_array_append_new(array, json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "id", id, "expunged", (json_int_t)message->expunged, "received",
						       (json_int_t)message->received, "size", (json_int_t)message->size, "from", cli_json_of_slice(from),
						       "subject", cli_json_of_slice(subject)));
		return;
	}
	printf("%s  removed %s  %s  ", id, cli_time_text(message->expunged, when), cli_size_text(message->size, size));
	cli_print_safe(from);
	printf("  ");
	cli_print_safe(subject);
	putchar('\n');
}

static bool list(struct cli_opened *work)
{
	struct expunged_message *messages;
	size_t count;
	uint64_t limit = 0;
	const char *wanted = command_value(work->line, "limit");
	if (wanted && !slice_to_number(slice_of(wanted), SIZE_MAX, &limit))
		return error_set(&work->error, ERROR_INVALID, "--limit: \"%s\" is not a number", wanted);
	if (!account_list_expunged(work->account, (size_t)limit, work->line->arena, &messages, &count, &work->error))
		return false;
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		show(work, &messages[i], array);
	if (work->line->json)
		command_print_json(array);
	else
		json_decref(array);
	if (count == 0)
		command_remark(work->line, "there are no removed messages that can be brought back");
	return true;
}

/* ---- Bringing back ---- */

static bool bring_back(struct cli_opened *work, struct slice text, const struct mailbox *mailbox)
{
	uint32_t uid;
	int64_t id = id_parse(text);
	if (id == 0)
		return error_set(&work->error, ERROR_INVALID, "\"%.*s\" is not an id of pombal account expunged", SLICE_ARG(text));
	struct error cause;
	if (!message_undelete(work->account, id, mailbox->id, &uid, &cause))
		return error_set(&work->error, cause.kind, "%.*s: %s", SLICE_ARG(text), cause.text);
	instance_note(work->line, "admin.undeleted", log_slice("account", work->name), log_id("message", id), log_slice("mailbox", mailbox->name));
	printf("%.*s is message %u of ", SLICE_ARG(text), uid);
	cli_print_safe(mailbox->name);
	putchar('\n');
	return true;
}

static bool undelete(struct cli_opened *work)
{
	struct mailbox mailbox;
	const char *name = command_value(work->line, "mailbox");
	if (!mailbox_find(work->account, slice_of(name ? name : "INBOX"), work->line->arena, &mailbox, &work->error))
		return false;
	bool done = true, any = false;
	for (int i = 1; i < work->line->count && done; i++) {
		done = bring_back(work, command_argument(work->line, i), &mailbox);
		any |= done;
	}
	if (!any)
		return false;
	struct error error;
	if (!store_sync(work->store, &error)) {
		work->error = error;
		return false;
	}
	instance_tell_changed(work->line, work->name);
	return done;
}

static int run_list(struct command_line *line) { return cli_opened_run(line, list); }
static int run_undelete(struct command_line *line) { return cli_opened_run(line, undelete); }

static const struct command_option list_options[] = {{"limit", "N", "only the last N"}, {0}};
static const struct command_option undelete_options[] = {{"mailbox", "NAME", "where to (default: INBOX)"}, {0}};

const struct command cli_expunged_commands[] = {
	{"account expunged", "ADDRESS", "Lists removed messages that can be brought back.", run_list, list_options, 1, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN},
	{"account undelete", "ADDRESS ID...", "Brings removed messages back.", run_undelete, undelete_options, 2, -1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{0},
};
