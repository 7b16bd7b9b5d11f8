/* pombal quarantine: strangers' mail that was set apart, as spam, for what a scanner has found or for what is attached: the queue's, seen as
 * people know it. What somebody holds by `pombal queue hold`, or what is held of an account that sends too much, isn't there. */
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/quarantine_letter.h"
#include "cli/explain.h"
#include "cli/spam_files.h"

enum { STEP = 200, HOUR = 3600, DAY = 24 * HOUR };

struct quarantine {
	struct command_line *line;
	struct queue *queue;
	struct queue_filter filter;   /* what is meant */
	enum score_language language;
	struct classify_store *store; /* NULL: nothing is learned */
	enum classify_kind kind;
	uint64_t most;                /* so many are listed; 0: all */
	size_t changed;
};

/* ---- which ---- */

static bool read_for(const struct command_line *line, struct queue_filter *filter, struct error *error)
{
	const char *wanted = command_value(line, "for");
	filter->reason = REASON_SET_APART;
	if (!wanted)
		return true;
	struct slice text = slice_of(wanted);
	if (text.len > 1 && text.at[0] == '@')
		filter->recipient = text;
	else if (slice_find_char(text, '@') == SLICE_NONE)
		filter->recipient = arena_printf(line->arena, "@%.*s", SLICE_ARG(text));
	else
		filter->recipient = text;
	return filter->recipient.len > 1 || error_set(error, ERROR_INVALID, "--for takes an address or a domain");
}

static bool read_id(const struct command_line *line, int index, struct queue_filter *filter, struct error *error)
{
	filter->id = id_parse(command_argument(line, index));
	return filter->id != 0 || error_set(error, ERROR_INVALID, "\"%s\" isn't the id of a message; `pombal quarantine list` shows them", line->arguments[index]);
}

static int fail(const struct quarantine *self, const struct error *error)
{
	return command_fail_with(self->line, error);
}

/* Enters the instance, opens the queue, and acts. */
static int work(struct command_line *line, int (*act)(struct quarantine *self))
{
	struct quarantine self = {.line = line, .language = score_language(cli_explain_language(line))};
	struct error error;
	int status = COMMAND_FAILED;
	if (!instance_enter(line))
		return status;
	if (!read_for(line, &self.filter, &error))
		status = fail(&self, &error);
	else if ((self.queue = instance_queue(line)))
		status = act(&self);
	if (self.queue)
		queue_close(&self.queue);
	classify_store_close(&self.store);
	config_free_all();
	return status;
}

/* Calls `visit` with each message that the filter names, in order of arrival; false: with *error, or `visit` has said so. */
static bool each(struct quarantine *self, struct queue_filter filter, bool (*visit)(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error),
		 size_t *seen, struct error *error)
{
	struct arena *arena = arena_new();
	bool done = true;
	filter.limit = STEP;
	*seen = 0;
	for (size_t count = STEP; done && count == STEP && (self->most == 0 || *seen < self->most);) {
		struct queue_message *messages;
		arena_reset(arena);
		done = queue_list(self->queue, &filter, arena, &messages, &count, error);
		for (size_t i = 0; done && i < count && (self->most == 0 || *seen < self->most); i++) {
			struct arena *own = arena_new(); /* of what is read of one message, which may be large */
			done = visit(self, &messages[i], own, error);
			filter.after = messages[i].id;
			arena_free(&own);
			++*seen;
		}
	}
	arena_free(&arena);
	return done;
}

/* All that is named: the arguments, or what --for and the rest say. */
static int each_named(struct quarantine *self, bool (*visit)(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error))
{
	struct error error;
	size_t seen = 0;
	bool done = self->line->count > 0 || each(self, self->filter, visit, &seen, &error);
	for (int i = 0; done && i < self->line->count; i++) {
		struct queue_filter filter = self->filter;
		done = read_id(self->line, i, &filter, &error) && each(self, filter, visit, &seen, &error);
		if (done && seen == 0)
			done = error_set(&error, ERROR_NOT_FOUND, "nothing in quarantine has the id %s", self->line->arguments[i]);
	}
	if (!done)
		return fail(self, &error);
	return seen > 0 ? COMMAND_DONE : command_fail(self->line, "nothing in quarantine is for %.*s", SLICE_ARG(self->filter.recipient));
}

/* ---- showing ---- */

static void print_age(int64_t arrived)
{
	int64_t age = clock_now() - arrived;
	if (age >= DAY)
		printf("%lld d", (long long)(age / DAY));
	else
		printf("%lld h", age > 0 ? (long long)(age / HOUR) : 0LL);
}

static void print_head(const struct cli_quarantined *quarantined)
{
	const struct queue_message *message = quarantined->message;
	char id[ID_TEXT_LEN + 1], when[32];
	id_format(message->id, id);
	printf("%s  %s  ", id, cli_time_text(message->arrived, when));
	print_age(message->arrived);
	printf("  %.1f points  from ", quarantined->points / 100.0);
	cli_print_safe(quarantined->author);
	printf(" <");
	cli_print_safe(message->from);
	printf(">\n");
	for (size_t i = 0; i < message->recipient_count; i++) {
		printf(i > 0 ? ", " : "    to ");
		cli_print_safe(message->recipients[i].address);
	}
	printf("\n    subject: ");
	cli_print_safe(quarantined->subject);
	printf("\n    %.*s  %s\n", quarantined->main ? (int)quarantined->main->name.len : 0, quarantined->main ? quarantined->main->name.at : "",
	       quarantined->main ? quarantined->main->text : "what was found isn't written down");
}

/* An array is written element by element. */
static void print_element(json_t *object, bool first)
{
	fputs(first ? "[\n" : ",\n", stdout);
	json_dumpf(object, stdout, JSON_INDENT(2));
	json_decref(object);
}

static bool list_one(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error)
{
	struct slice text;
	struct cli_quarantined quarantined;
	if (!cli_quarantine_read_beginning(self->queue, message, arena, &text, error))
		return error->kind == ERROR_NOT_FOUND; /* it has gone meanwhile */
	cli_quarantine_look(text, message, self->language, arena, &quarantined);
	if (self->line->json)
		print_element(cli_quarantine_json(&quarantined), self->changed == 0);
	else
		print_head(&quarantined);
	self->changed++;
	return true;
}

static int list(struct quarantine *self)
{
	struct error error;
	size_t seen;
	const char *limit = command_value(self->line, "limit");
	if (limit && !slice_to_number(slice_of(limit), SIZE_MAX, &self->most))
		return command_misuse(self->line, "--limit takes a number");
	const char *after = command_value(self->line, "after");
	if (after && (self->filter.after = id_parse(slice_of(after))) == 0)
		return command_fail(self->line, "--after: \"%s\" is not the id of a message", after);
	if (!each(self, self->filter, list_one, &seen, &error))
		return fail(self, &error);
	if (self->line->json)
		puts(self->changed == 0 ? "[]" : "\n]");
	else if (self->changed == 0)
		command_remark(self->line, self->filter.recipient.len > 0 ? "nothing in quarantine is for that address" : "nothing is in quarantine");
	return COMMAND_DONE;
}

static bool show_one(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error)
{
	struct slice text;
	struct cli_quarantined quarantined;
	if (!cli_quarantine_read(self->queue, message, arena, &text, error))
		return false;
	cli_quarantine_look(text, message, self->language, arena, &quarantined);
	if (self->line->json) {
		command_print_json(cli_quarantine_json_whole(&quarantined, text, arena));
		return true;
	}
	print_head(&quarantined);
	cli_quarantine_print(&quarantined, text, arena);
	return true;
}

static int show(struct quarantine *self) { return each_named(self, show_one); }

/* ---- learning ---- */

static bool open_store(struct quarantine *self, struct error *error)
{
	struct arena *arena = self->line->arena;
	if (!file_make_folders(arena_printf(arena, "%s/policy", self->line->data).at, 0700, error))
		return false;
	self->store = classify_store_open(arena_printf(arena, "%s/policy/tokens", self->line->data).at, CLASSIFY_SHARED_SIZE, error);
	return self->store != NULL;
}

static bool learn_one(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error)
{
	struct slice text;
	if (!cli_quarantine_read(self->queue, message, arena, &text, error))
		return false;
	cli_spam_learn(self->store, text, self->kind, arena);
	self->changed++;
	instance_note(self->line, "admin.quarantine_learned", log_id("id", message->id), log_text("as", self->kind == CLASSIFY_SPAM ? "spam" : "ham"));
	return true;
}

static int learn_all(struct quarantine *self)
{
	struct error error;
	if (!open_store(self, &error))
		return fail(self, &error);
	int status = each_named(self, learn_one);
	if (!classify_store_sync(self->store, &error))
		return fail(self, &error);
	if (status == COMMAND_DONE)
		printf("%zu message%s learned as %s\n", self->changed, self->changed == 1 ? "" : "s", self->kind == CLASSIFY_SPAM ? "spam" : "good mail");
	return status;
}

static int learn_as_spam(struct quarantine *self)
{
	self->kind = CLASSIFY_SPAM;
	return learn_all(self);
}

static int learn_as_ham(struct quarantine *self)
{
	self->kind = CLASSIFY_HAM;
	return learn_all(self);
}

/* ---- letting go, removing ---- */

/* First it is learned, while it is there; then the queue is told. */
static bool change_one(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error,
		       bool (*change)(struct queue *queue, const struct queue_filter *filter, size_t *changed, struct error *error), const char *event)
{
	struct queue_filter one = {.id = message->id, .reason = REASON_SET_APART};
	struct slice text;
	size_t changed;
	if (self->store && !cli_quarantine_read(self->queue, message, arena, &text, error))
		return false;
	if (self->store)
		cli_spam_learn(self->store, text, self->kind, arena);
	if (!change(self->queue, &one, &changed, error))
		return false;
	self->changed += changed;
	if (changed > 0)
		instance_write_note(self->line, event, LOG_FIELDS(log_id("id", message->id), log_slice("from", message->from),
								  log_text("learned", !self->store ? "" : self->kind == CLASSIFY_SPAM ? "spam" : "ham")));
	return true;
}

static bool let_go(struct queue *queue, const struct queue_filter *filter, size_t *changed, struct error *error) { return queue_hold(queue, filter, false, changed, error); }

static bool release_one(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error)
{
	return change_one(self, message, arena, error, let_go, "admin.quarantine_released");
}

static bool remove_one(struct quarantine *self, const struct queue_message *message, struct arena *arena, struct error *error)
{
	return change_one(self, message, arena, error, queue_remove, "admin.quarantine_removed");
}

static int change_all(struct quarantine *self, enum classify_kind kind, bool (*visit)(struct quarantine *, const struct queue_message *, struct arena *, struct error *), const char *done)
{
	struct error error;
	self->kind = kind;
	if (command_value(self->line, "learn") && !open_store(self, &error))
		return fail(self, &error);
	int status = each_named(self, visit);
	if (self->store && !classify_store_sync(self->store, &error))
		return fail(self, &error);
	if (status == COMMAND_DONE)
		printf("%zu message%s %s\n", self->changed, self->changed == 1 ? "" : "s", done);
	return status;
}

static int release_all(struct quarantine *self)
{
	int status = change_all(self, CLASSIFY_HAM, release_one, "let go");
	instance_tell_flush(self->line);
	return status;
}

static int remove_all(struct quarantine *self) { return change_all(self, CLASSIFY_SPAM, remove_one, "removed"); }

/* What changes something is told which. */
static int work_on_named(struct command_line *line, int (*act)(struct quarantine *self))
{
	return line->count > 0 || command_value(line, "for") ? work(line, act) : command_misuse(line, "nothing is said to be meant: ids, or --for");
}

static int run_list(struct command_line *line) { return work(line, list); }
static int run_show(struct command_line *line) { return work(line, show); }
static int run_release(struct command_line *line) { return work_on_named(line, release_all); }
static int run_remove(struct command_line *line) { return work_on_named(line, remove_all); }

static int run_learn(struct command_line *line)
{
	if (!command_value(line, "spam") == !command_value(line, "ham"))
		return command_misuse(line, "it takes either --spam or --ham");
	return work_on_named(line, command_value(line, "spam") ? learn_as_spam : learn_as_ham);
}

#define FOR {"for", "ADDRESS|DOMAIN", "what is for that address, or for those of that domain"}
#define LANGUAGE {"language", "LANGUAGE", "en, ru or pt; else the environment's (LC_ALL, LC_MESSAGES, LANG)"}
static const struct command_option list_options[] = {FOR, LANGUAGE, {"limit", "N", "only the first N, the oldest"}, {"after", "ID", "only what came after this message"}, {0}};
static const struct command_option show_options[] = {LANGUAGE, {0}};
static const struct command_option release_options[] = {FOR, {"learn", NULL, "learns that they are good mail"}, {0}};
static const struct command_option remove_options[] = {FOR, {"learn", NULL, "learns that they are spam"}, {0}};
static const struct command_option learn_options[] = {FOR, {"spam", NULL, "they are spam"}, {"ham", NULL, "they are good mail"}, {0}};

const struct command cli_quarantine_commands[] = {
	{"quarantine list", "", "Lists what strangers have sent and was set apart, with points and the main reason.", run_list, list_options, 0, 0, COMMAND_JSON, ADMIN_READS},
	{"quarantine show", "ID", "Shows what was found in a message, its header and its text; of what is attached the names.", run_show, show_options, 1, 1, COMMAND_JSON, ADMIN_READS},
	{"quarantine release", "[ID...]", "Lets messages go on to their recipients, into the inbox.", run_release, release_options, 0, -1, 0, ADMIN_CHANGES},
	{"quarantine learn", "[ID...]", "Learns what messages are, as `spam learn` does, and leaves them where they are.", run_learn, learn_options, 0, -1, 0, ADMIN_CHANGES},
	{"quarantine remove", "[ID...]", "Removes messages without telling their senders.", run_remove, remove_options, 0, -1, COMMAND_REMOVES, ADMIN_CHANGES},
	{0},
};
