/* LIST (RFC 3501 §6.3.8) and its extension (RFC 5258): what is selected, which patterns, what is returned; with the attributes of
 * CHILDREN (RFC 3348) and SPECIAL-USE (RFC 6154), and STATUS (RFC 5819). */
#include "base/array.h"
#include "base/map.h"
#include "base/memory.h"
#include "imap/pattern.h"
#include "imap/session.h"
#include "imap/special_use.h"
#include "imap/status.h"

enum { LIST_PATTERNS_MAX = 50 };

static const char *const use_names[] = {
	[USE_NONE] = NULL, [USE_DRAFTS] = "\\Drafts", [USE_SENT] = "\\Sent", [USE_JUNK] = "\\Junk", [USE_TRASH] = "\\Trash",
	[USE_ARCHIVE] = "\\Archive", [USE_ALL] = "\\All", [USE_FLAGGED] = "\\Flagged", [USE_SNOOZED] = "\\Snoozed",
};

const char *imap_special_use_name(enum special_use use)
{
	return use_names[use];
}

enum special_use imap_special_use_parse(struct slice name)
{
	for (size_t i = USE_NONE + 1; i < sizeof use_names / sizeof *use_names; i++)
		if (slice_equal_nocase(name, slice_of(use_names[i] + 1)))
			return (enum special_use)i;
	return USE_NONE;
}

enum select { SELECT_SUBSCRIBED = 1, SELECT_SPECIAL_USE = 2, SELECT_REMOTE = 4, SELECT_RECURSIVE = 8 };
enum { SELECT_BASES = SELECT_SUBSCRIBED | SELECT_SPECIAL_USE };
enum returned { RETURN_SUBSCRIBED = 1, RETURN_CHILDREN = 2, RETURN_SPECIAL_USE = 4, RETURN_STATUS = 8 };

/* A name: of a mailbox, or that is only subscribed, or only stands above such a one. */
struct entry {
	struct slice name;
	const struct mailbox *mailbox; /* NULL: there is none */
	bool subscribed, has_children;
	bool child_selected;           /* something below it is selected, and isn't told of itself */
};

struct list_job {
	unsigned select, returned, status_items;
	struct imap_pattern *patterns[LIST_PATTERNS_MAX];
	size_t pattern_count;
	bool root;         /* the one pattern is empty: only the delimiter is asked for */
	struct entry *entries;
	size_t count, at;
};

/* ---- arguments ---- */

struct list_option { const char *name; unsigned bit; };

/* "(NAME NAME)", possibly empty; behind STATUS stands what it is to tell. */
static bool parse_options(struct imap_parser *parser, const struct list_option *options, size_t count, const char *what, struct list_job *job,
			  unsigned *bits)
{
	if (!imap_parse_open(parser))
		return false;
	while (parser->rest.len > 0 && parser->rest.at[0] != ')') {
		size_t i = 0;
		while (i < count && !imap_parse_optional_word(parser, options[i].name))
			i++;
		if (i == count)
			return imap_parse_fail(parser, what);
		*bits |= options[i].bit;
		if (bits == &job->returned && options[i].bit == RETURN_STATUS &&
		    (!imap_parse_space(parser) || !imap_status_parse(parser, &job->status_items)))
			return false;
		if (!imap_parse_more(parser))
			break;
	}
	return imap_parse_close(parser);
}

static bool parse_select(struct imap_parser *parser, struct list_job *job)
{
	static const struct list_option options[] = {
		{"SUBSCRIBED", SELECT_SUBSCRIBED}, {"SPECIAL-USE", SELECT_SPECIAL_USE}, {"REMOTE", SELECT_REMOTE}, {"RECURSIVEMATCH", SELECT_RECURSIVE},
	};
	if (!parse_options(parser, options, sizeof options / sizeof *options, "LIST selects SUBSCRIBED, SPECIAL-USE, REMOTE and RECURSIVEMATCH", job,
			   &job->select))
		return false;
	if ((job->select & SELECT_RECURSIVE) && !(job->select & SELECT_BASES))
		return imap_parse_fail(parser, "RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE");
	return imap_parse_space(parser);
}

static bool parse_return(struct imap_parser *parser, struct list_job *job)
{
	static const struct list_option options[] = {
		{"SUBSCRIBED", RETURN_SUBSCRIBED}, {"CHILDREN", RETURN_CHILDREN}, {"SPECIAL-USE", RETURN_SPECIAL_USE}, {"STATUS", RETURN_STATUS},
	};
	if (!imap_parse_more(parser))
		return imap_parse_end(parser);
	if (!imap_parse_optional_word(parser, "RETURN"))
		return imap_parse_fail(parser, "Something follows the last argument");
	return imap_parse_space(parser) && parse_options(parser, options, sizeof options / sizeof *options,
						   "LIST returns SUBSCRIBED, CHILDREN, SPECIAL-USE and STATUS", job, &job->returned) && imap_parse_end(parser);
}

static bool parse_pattern(struct imap_command *command, struct slice reference, bool reference_valid, struct list_job *job, bool *empty)
{
	struct slice text;
	bool valid;
	if (!imap_parse_list_mailbox(&command->parser, &text, &valid))
		return false;
	if (job->pattern_count == LIST_PATTERNS_MAX)
		return imap_parse_fail(&command->parser, "Too many patterns");
	struct imap_pattern *pattern = valid && reference_valid ? imap_pattern_of(reference, text, command->arena) : NULL;
	if (pattern)
		job->patterns[job->pattern_count++] = pattern;
	*empty = valid && text.len == 0;
	return true;
}

/* "(pattern pattern)" or one alone. */
static bool parse_patterns(struct imap_command *command, struct slice reference, bool valid, struct list_job *job)
{
	struct imap_parser *parser = &command->parser;
	bool empty;
	if (parser->rest.len == 0 || parser->rest.at[0] != '(')
		return parse_pattern(command, reference, valid, job, &job->root);
	if (!imap_parse_open(parser))
		return false;
	do {
		if (!parse_pattern(command, reference, valid, job, &empty))
			return false;
	} while (imap_parse_more(parser));
	return imap_parse_close(parser);
}

static bool parse_arguments(struct imap_command *command, struct list_job *job)
{
	struct imap_parser *parser = &command->parser;
	struct slice reference;
	bool valid;
	if (!imap_parse_space(parser))
		return false;
	if (parser->rest.len > 0 && parser->rest.at[0] == '(' && !parse_select(parser, job))
		return false;
	return imap_parse_list_mailbox(parser, &reference, &valid) && imap_parse_space(parser) && parse_patterns(command, reference, valid, job) &&
	       parse_return(parser, job);
}

/* ---- names ---- */

/* What there is, and what is only subscribed, with the names above: a client may ask for those (RFC 5258 §3.1, RECURSIVEMATCH). */
struct names {
	struct map *known; /* name: its entry's number and one more, as a pointer */
	struct entry *list;
	size_t count, room;
};

static void add_name(struct names *names, struct entry entry)
{
	ARRAY_GROW(names->list, names->count, names->room);
	names->list[names->count++] = entry;
	map_put(names->known, entry.name, (void *)(uintptr_t)names->count);
}

static struct entry *find_name(struct names *names, struct slice name)
{
	uintptr_t number = (uintptr_t)map_get(names->known, name);
	return number ? &names->list[number - 1] : NULL;
}

static struct slice name_above(struct slice name)
{
	size_t end = slice_find_last_char(name, '/');
	return end == SLICE_NONE ? slice_make("", 0) : slice_sub(name, 0, end);
}

static void add_subscriptions(struct names *names, const struct slice *subscriptions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = find_name(names, subscriptions[i]);
		if (entry)
			entry->subscribed = true;
		else
			add_name(names, (struct entry){.name = subscriptions[i], .subscribed = true});
		for (struct slice above = name_above(subscriptions[i]); above.len > 0 && !find_name(names, above); above = name_above(above))
			add_name(names, (struct entry){.name = above});
	}
}

static bool is_told(const struct list_job *job, struct slice name)
{
	for (size_t i = 0; i < job->pattern_count; i++)
		if (imap_pattern_match(job->patterns[i], name))
			return true;
	return false;
}

static bool is_selected(const struct list_job *job, const struct entry *entry)
{
	if ((job->select & SELECT_SUBSCRIBED) && !entry->subscribed)
		return false;
	if ((job->select & SELECT_SPECIAL_USE) && (!entry->mailbox || entry->mailbox->use == USE_NONE))
		return false;
	return entry->mailbox || (job->select & SELECT_SUBSCRIBED);
}

/* Marks what has mailboxes below it, and, with RECURSIVEMATCH, what has something selected there that isn't told of anyway. */
static void mark_parents(struct names *names, const struct list_job *job)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct entry *entry = &names->list[i];
		struct entry *above = find_name(names, name_above(entry->name));
		if (above && entry->mailbox)
			above->has_children = true;
		bool hidden = (job->select & SELECT_RECURSIVE) && is_selected(job, entry) && !is_told(job, entry->name);
		for (; hidden && above && !above->child_selected; above = find_name(names, name_above(above->name)))
			above->child_selected = true;
	}
}

static bool load_names(struct imap_command *command, struct list_job *job, struct error *error)
{
	struct names names = {.known = map_new()};
	struct mailbox *mailboxes;
	struct slice *subscriptions;
	size_t count = 0, subscribed = 0;
	bool wanted = (job->select & SELECT_SUBSCRIBED) || (job->returned & RETURN_SUBSCRIBED);
	bool done = imap_command_account(command, error) && mailbox_list(command->account, command->arena, &mailboxes, &count, error) &&
		    (!wanted || mailbox_subscriptions(command->account, command->arena, &subscriptions, &subscribed, error));
	for (size_t i = 0; done && i < count; i++)
		add_name(&names, (struct entry){.name = mailboxes[i].name, .mailbox = &mailboxes[i]});
	if (done && wanted)
		add_subscriptions(&names, subscriptions, subscribed);
	mark_parents(&names, job);
	job->count = names.count;
	job->entries = arena_array(command->arena, names.count, sizeof *job->entries);
	if (names.count > 0)
		memcpy(job->entries, names.list, names.count * sizeof *names.list);
	free(names.list);
	map_free(&names.known);
	return done;
}

/* ---- answers ---- */

static void write_attributes(struct buf *out, const struct list_job *job, const struct entry *entry)
{
	bool tells_subscribed = (job->select & SELECT_SUBSCRIBED) || (job->returned & RETURN_SUBSCRIBED);
	if (!entry->mailbox)
		buf_append_text(out, "\\NonExistent ");
	else if (!entry->mailbox->selectable)
		buf_append_text(out, "\\Noselect ");
	if (tells_subscribed && entry->subscribed)
		buf_append_text(out, "\\Subscribed ");
	buf_append_text(out, entry->has_children ? "\\HasChildren" : "\\HasNoChildren");
	if (entry->mailbox && entry->mailbox->use != USE_NONE)
		buf_printf(out, " %s", imap_special_use_name(entry->mailbox->use));
}

static void write_child_info(struct buf *out, const struct list_job *job)
{
	buf_append_text(out, " (CHILDINFO (");
	if (job->select & SELECT_SUBSCRIBED)
		buf_append_text(out, "\"SUBSCRIBED\"");
	if (job->select & SELECT_SPECIAL_USE)
		buf_append_text(out, job->select & SELECT_SUBSCRIBED ? " \"SPECIAL-USE\"" : "\"SPECIAL-USE\"");
	buf_append_text(out, "))");
}

static void write_entry(const struct imap *imap, struct buf *out, const struct list_job *job, const struct entry *entry)
{
	bool selected = is_selected(job, entry);
	if ((!selected && !entry->child_selected) || !is_told(job, entry->name))
		return;
	buf_append_text(out, "* LIST (");
	write_attributes(out, job, entry);
	buf_append_text(out, ") \"/\" ");
	imap_write_mailbox(out, entry->name);
	if (entry->child_selected)
		write_child_info(out, job);
	buf_append_text(out, "\r\n");
	if ((job->returned & RETURN_STATUS) && selected && entry->mailbox && entry->mailbox->selectable)
		imap_status_write(imap, out, entry->mailbox, job->status_items);
}

static enum net_run list_some(struct imap_command *command, struct list_job *job)
{
	struct buf out = BUF(RESPONSE_MAX);
	while (job->at < job->count && !conn_should_pause(command->imap->conn)) {
		write_entry(command->imap, &out, job, &job->entries[job->at++]);
		imap_send_some(command->imap, &out);
	}
	imap_send(command->imap, &out);
	buf_free(&out);
	return job->at < job->count ? RUN_AGAIN : imap_reply_ok(command, NULL, "LIST done");
}

/* An empty pattern asks for the delimiter and the root, which is "" whatever the reference. */
enum net_run imap_cmd_list(struct imap_command *command)
{
	struct list_job *job = command->job;
	struct error error;
	if (job)
		return list_some(command, job);
	job = arena_alloc(command->arena, sizeof *job);
	if (!parse_arguments(command, job))
		return imap_reply_syntax(command);
	if (job->root) {
		conn_send_text(command->imap->conn, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return imap_reply_ok(command, NULL, "LIST done");
	}
	if (job->pattern_count > 0 && !load_names(command, job, &error))
		return imap_reply_error(command, &error);
	command->job = job;
	return list_some(command, job);
}
