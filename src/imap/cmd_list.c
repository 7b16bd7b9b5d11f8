/* LIST and LSUB (RFC 3501 §6.3.8, §6.3.9), with the attributes of CHILDREN (RFC 3348) and SPECIAL-USE (RFC 6154). */
#include "base/map.h"
#include "imap/pattern.h"
#include "imap/session.h"
#include "imap/special_use.h"

static const char *const use_names[] = {
	[USE_NONE] = NULL, [USE_DRAFTS] = "\\Drafts", [USE_SENT] = "\\Sent", [USE_JUNK] = "\\Junk", [USE_TRASH] = "\\Trash",
	[USE_ARCHIVE] = "\\Archive", [USE_ALL] = "\\All", [USE_FLAGGED] = "\\Flagged",
};

const char *special_use_name(enum special_use use)
{
	return use_names[use];
}

enum special_use special_use_parse(struct slice name)
{
	for (size_t i = USE_NONE + 1; i < sizeof use_names / sizeof *use_names; i++)
		if (slice_equal_nocase(name, slice_of(use_names[i] + 1)))
			return (enum special_use)i;
	return USE_NONE;
}

struct list_job {
	struct pattern *pattern;
	bool nothing;      /* the pattern can't match any name */
	bool root;         /* the pattern is empty: only the delimiter is asked for */
	struct mailbox *mailboxes;
	bool *has_children;
	size_t count, at;
};

/* " reference pattern": the one is put before the other. */
static bool parse_arguments(struct command *command, struct list_job *job)
{
	struct parser *parser = &command->parser;
	struct slice reference, text;
	bool reference_valid, valid;
	if (!parse_space(parser) || !parse_list_mailbox(parser, &reference, &reference_valid) || !parse_space(parser))
		return false;
	if (!parse_list_mailbox(parser, &text, &valid) || !parse_end(parser))
		return false;
	job->root = valid && text.len == 0;
	job->nothing = !valid || !reference_valid || reference.len + text.len > MAILBOX_NAME_MAX;
	if (!job->nothing)
		job->pattern = pattern_new(arena_printf(command->arena, "%.*s%.*s", SLICE_ARG(reference), SLICE_ARG(text)), command->arena);
	return true;
}

/* The answer to an empty pattern: the delimiter and the root, which is "" whatever the reference. */
static enum run reply_root(struct command *command)
{
	conn_printf(command->imap->conn, "* %s (\\Noselect) \"/\" \"\"\r\n", command->verb->name);
	return reply_ok(command, NULL, command->verb->run == imap_cmd_list ? "LIST done" : "LSUB done");
}

/* Marks every mailbox that has others below it. */
static void find_children(struct command *command, struct list_job *job)
{
	struct map *numbers = map_new(); /* name -> its mark */
	job->has_children = arena_array(command->arena, job->count, sizeof *job->has_children);
	for (size_t i = 0; i < job->count; i++)
		map_put(numbers, job->mailboxes[i].name, &job->has_children[i]);
	for (size_t i = 0; i < job->count; i++) {
		size_t end = slice_find_last_char(job->mailboxes[i].name, '/');
		bool *mark = end == SLICE_NONE ? NULL : map_get(numbers, slice_sub(job->mailboxes[i].name, 0, end));
		if (mark)
			*mark = true;
	}
	map_free(&numbers);
}

static void write_list(struct buf *out, const struct list_job *job, size_t at)
{
	const struct mailbox *mailbox = &job->mailboxes[at];
	buf_append_text(out, "* LIST (");
	if (!mailbox->selectable)
		buf_append_text(out, "\\Noselect ");
	buf_append_text(out, job->has_children[at] ? "\\HasChildren" : "\\HasNoChildren");
	if (mailbox->use != USE_NONE)
		buf_printf(out, " %s", special_use_name(mailbox->use));
	buf_append_text(out, ") \"/\" ");
	write_mailbox(out, mailbox->name);
	buf_append_text(out, "\r\n");
}

static enum run list_some(struct command *command, struct list_job *job)
{
	struct buf out = BUF(RESPONSE_MAX);
	while (job->at < job->count && !conn_should_pause(command->imap->conn)) {
		if (pattern_match(job->pattern, job->mailboxes[job->at].name)) {
			write_list(&out, job, job->at);
			imap_send(command->imap, &out);
			buf_clear(&out);
		}
		job->at++;
	}
	buf_free(&out);
	return job->at < job->count ? RUN_AGAIN : reply_ok(command, NULL, "LIST done");
}

enum run imap_cmd_list(struct command *command)
{
	struct list_job *job = command->job;
	struct error error;
	if (job)
		return list_some(command, job);
	job = arena_alloc(command->arena, sizeof *job);
	if (!parse_arguments(command, job))
		return reply_syntax(command);
	if (job->root)
		return reply_root(command);
	if (!job->nothing && (!command_account(command, &error) ||
			      !mailbox_list(command->account, command->arena, &job->mailboxes, &job->count, &error)))
		return reply_error(command, &error);
	find_children(command, job);
	command->job = job;
	return list_some(command, job);
}

/* ---- LSUB ---- */

static void write_lsub(struct buf *out, struct slice name, bool selectable)
{
	buf_append_text(out, selectable ? "* LSUB () \"/\" " : "* LSUB (\\Noselect) \"/\" ");
	write_mailbox(out, name);
	buf_append_text(out, "\r\n");
}

/* "foo/bar" is subscribed and matches not, "foo" isn't and matches "%": it is told of, as \Noselect, once (RFC 3501 §6.3.9).
 * `told` holds all subscribed names and the parents that were told of. */
static void write_parents(struct buf *out, struct pattern *pattern, struct slice name, struct map *told)
{
	static char marker;
	for (size_t i = 0; i < name.len; i++) {
		struct slice parent = slice_sub(name, 0, i);
		if (name.at[i] != '/' || map_get(told, parent) || !pattern_match(pattern, parent))
			continue;
		map_put(told, parent, &marker);
		write_lsub(out, parent, false);
	}
}

static void send_subscriptions(struct imap *imap, struct pattern *pattern, const struct slice *names, size_t count)
{
	struct buf out = BUF(RESPONSE_MAX);
	static char marker;
	struct map *told = map_new();
	for (size_t i = 0; i < count; i++)
		map_put(told, names[i], &marker);
	for (size_t i = 0; i < count; i++) {
		if (pattern_match(pattern, names[i]))
			write_lsub(&out, names[i], true);
		else
			write_parents(&out, pattern, names[i], told);
		imap_send_some(imap, &out);
	}
	imap_send(imap, &out);
	buf_free(&out);
	map_free(&told);
}

enum run imap_cmd_lsub(struct command *command)
{
	struct list_job job = {0};
	struct slice *names;
	size_t count;
	struct error error;
	if (!parse_arguments(command, &job))
		return reply_syntax(command);
	if (job.root)
		return reply_root(command);
	if (job.nothing)
		return reply_ok(command, NULL, "LSUB done");
	if (!command_account(command, &error) || !mailbox_subscriptions(command->account, command->arena, &names, &count, &error))
		return reply_error(command, &error);
	send_subscriptions(command->imap, job.pattern, names, count);
	return reply_ok(command, NULL, "LSUB done");
}
