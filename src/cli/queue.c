/* pombal queue: what waits to be delivered, and what to do about it. */
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/queue_edit.h"

/* A message is named by its id, its sender or a recipient, or "@domain"; or by who has submitted it. */
static bool read_filter(const struct command_line *line, struct queue_filter *filter, struct error *error)
{
	struct slice text = command_argument(line, 0);
	*filter = (struct queue_filter){.id = id_parse(text), .held = command_value(line, "held") != NULL};
	const char *account = command_value(line, "account");
	if (account && !instance_address(line, slice_of(account), &filter->account, error))
		return false;
	if (text.len == 0 || filter->id != 0)
		return true;
	filter->address = text;
	return slice_find_char(text, '@') != SLICE_NONE || error_set(error, ERROR_INVALID, "\"%.*s\" is neither the id of a message, nor an address, nor @domain",
								      SLICE_ARG(text));
}

static int run_with(struct command_line *line, bool (*run)(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error))
{
	struct queue_filter filter;
	struct error error;
	int status = COMMAND_FAILED;
	if (!instance_enter(line))
		return status;
	struct queue *queue = NULL;
	if (!read_filter(line, &filter, &error))
		status = command_fail_with(line, &error);
	else if ((queue = instance_queue(line)))
		status = run(line, queue, &filter, &error) ? COMMAND_DONE : command_fail_with(line, &error);
	if (queue)
		queue_close(&queue);
	config_free_all();
	return status;
}

/* ---- Showing ---- */

static json_t *json_of_recipient(const struct queue_recipient *recipient)
{
	return json_pack("{s:o, s:i, s:I, s:I, s:o, s:o, s:o}", "address", cli_json_of_slice(recipient->address), "attempts", recipient->attempts, "next_attempt",
			 (json_int_t)recipient->next_attempt, "expires", (json_int_t)recipient->expires, "last_error", cli_json_of_slice(recipient->last_error),
			 "via", cli_json_of_slice(recipient->via), "returned", cli_json_of_slice(recipient->returned));
}

static json_t *json_of_message(const struct queue_message *message)
{
	char id[ID_TEXT_LEN + 1];
	id_format(message->id, id);
	char why[SUSPICION_TEXT_MAX];
	json_t *recipients = json_array();
	for (size_t i = 0; i < message->recipient_count; i++)
		json_array_append_new(recipients, json_of_recipient(&message->recipients[i]));
	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:b, s:b, s:s*, s:b, s:o, s:o, s:o, s:o}", "id", id, "from", cli_json_of_slice(message->from), "arrived", (json_int_t)message->arrived,
			 "release", (json_int_t)message->release, "size", (json_int_t)message->size, "held", message->held, "waiting", message->waiting, "held_for",
			 message->suspicion.reason != REASON_NONE ? queue_suspicion_text(&message->suspicion, why) : NULL, "junk", message->junk, "findings", cli_json_of_slice(message->findings), "client", cli_json_of_slice(message->client), "account",
			 cli_json_of_slice(message->account), "recipients", recipients);
}

static void print_recipient(const struct queue_recipient *recipient, bool held, bool waiting)
{
	char when[32];
	printf("    to ");
	cli_print_safe(recipient->address);
	if (recipient->attempts > 0)
		printf("  %d attempt%s", recipient->attempts, recipient->attempts == 1 ? "" : "s");
	cli_print_part("through ", recipient->via);
	if (recipient->returned.len > 0)
		printf("  goes back to its sender");
	else if (held)
		printf("  held");
	else if (waiting)
		printf("  waits until %s, as its sender wants", cli_time_text(recipient->next_attempt, when));
	else if (recipient->next_attempt <= clock_now())
		printf("  due now");
	else
		printf("  next %s", cli_time_text(recipient->next_attempt, when));
	putchar('\n');
	if (recipient->last_error.len > 0) {
		printf("        ");
		cli_print_safe(recipient->last_error);
		putchar('\n');
	}
}

static void print_message(const struct queue_message *message)
{
	char id[ID_TEXT_LEN + 1], when[32], size[32], why[SUSPICION_TEXT_MAX];
	id_format(message->id, id);
	printf("%s  %s  %s  from <", id, cli_time_text(message->arrived, when), cli_size_text(message->size, size));
	cli_print_safe(message->from);
	printf(">%s", message->junk ? "  junk" : "");
	fputs(message->held ? "  HELD" : "", stdout);
	if (message->held && message->suspicion.reason == REASON_SET_APART) {
		printf(": %s", queue_suspicion_text(&message->suspicion, why));
	} else if (message->held && message->suspicion.reason != REASON_NONE) {
		printf(": <");
		cli_print_safe(message->account);
		printf(message->suspicion.reason == REASON_SPAM ? "> sent %s" : "> wrote to %s", queue_suspicion_text(&message->suspicion, why));
	}
	putchar('\n');
	for (size_t i = 0; i < message->recipient_count; i++)
		print_recipient(&message->recipients[i], message->held, message->waiting);
}

/* Is it a part of the queue that is meant? */
static bool is_named(const struct command_line *line)
{
	return line->count > 0 || command_value(line, "account") || command_value(line, "held");
}

static struct slice name_of(const struct command_line *line)
{
	const char *account = command_value(line, "account");
	return line->count > 0 ? command_argument(line, 0) : account ? slice_of(account) : SLICE("held");
}

enum { LIST_STEP = 500 };

/* An array is written element by element, since all of a long queue has no place in memory. */
static void print_element(const struct queue_message *message, bool first)
{
	json_t *object = json_of_message(message);
	fputs(first ? "[\n" : ",\n", stdout);
	json_dumpf(object, stdout, JSON_INDENT(2));
	json_decref(object);
}

static bool read_page(const struct command_line *line, struct queue_filter *filter, uint64_t *most, struct error *error)
{
	const char *after = command_value(line, "after");
	if (after && (filter->after = id_parse(slice_of(after))) == 0)
		return error_set(error, ERROR_INVALID, "--after: \"%s\" is not the id of a message", after);
	return command_number(line, "limit", UINT32_MAX, UINT64_MAX, most, error);
}

static bool list(struct command_line *line, struct queue *queue, const struct queue_filter *wanted, struct error *error)
{
	struct queue_filter filter = *wanted;
	struct arena *arena = arena_new(); /* of one step: a queue may be long */
	uint64_t left;
	bool done = read_page(line, &filter, &left, error), any = false;
	for (size_t count = LIST_STEP; done && count == LIST_STEP && left > 0; left -= count) {
		struct queue_message *messages;
		arena_reset(arena);
		filter.limit = left < LIST_STEP ? (size_t)left : LIST_STEP;
		done = queue_list(queue, &filter, arena, &messages, &count, error);
		for (size_t i = 0; done && i < count; i++) {
			if (line->json)
				print_element(&messages[i], !any);
			else
				print_message(&messages[i]);
			filter.after = messages[i].id;
			any = true;
		}
	}
	arena_free(&arena);
	if (line->json)
		puts(any ? "\n]" : "[]");
	else if (done && !any)
		command_remark(line, is_named(line) ? "nothing in the queue has that name" : "the queue is empty");
	return done;
}

static bool nothing_found(const struct command_line *line, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "nothing in the queue is named \"%.*s\"", SLICE_ARG(name_of(line)));
}

enum { SHOW_HEADER_MAX = 16 * 1024 };

/* The first bytes of the body, up to the end of the header. */
static struct slice read_header(struct command_line *line, struct queue *queue, const struct queue_message *message)
{
	struct slice bytes;
	struct error error;
	int fd;
	if (!queue_body(queue, message->id, line->arena, &bytes, &fd, &error))
		return (struct slice){NULL, 0};
	char *start = arena_alloc(line->arena, SHOW_HEADER_MAX);
	if (fd >= 0) {
		ssize_t got = pread(fd, start, SHOW_HEADER_MAX, (off_t)message->preface);
		close(fd);
		bytes = slice_make(start, got > 0 ? (size_t)got : 0);
	} else
		bytes = slice_skip(bytes, message->preface);
	bytes = slice_sub(bytes, 0, SHOW_HEADER_MAX);
	size_t end = slice_find(bytes, SLICE("\r\n\r\n"));
	return slice_sub(bytes, 0, end == SLICE_NONE ? bytes.len : end);
}

static void print_header(struct slice header)
{
	struct slice field;
	putchar('\n');
	while (header.len > 0) {
		slice_cut(header, '\n', &field, &header);
		if (field.len > 0 && field.at[field.len - 1] == '\r')
			field.len--;
		cli_print_safe(field);
		putchar('\n');
	}
}

/* What was found when it was judged. */
static void print_findings(const struct queue_message *message)
{
	struct slice line, rest = message->findings;
	while (slice_cut(rest, '\n', &line, &rest)) {
		fputs("    ", stdout);
		cli_print_safe(line);
		putchar('\n');
	}
}

static bool show(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error)
{
	struct queue_message *messages;
	size_t count;
	if (!queue_list(queue, filter, line->arena, &messages, &count, error))
		return false;
	if (count == 0)
		return nothing_found(line, error);
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++) {
		struct slice header = read_header(line, queue, &messages[i]);
		json_t *object = json_of_message(&messages[i]);
		json_object_set_new(object, "header", cli_json_of_slice(header));
		json_array_append_new(array, object);
		if (!line->json) {
			print_message(&messages[i]);
			if (messages[i].client.len > 0)
				printf("    client %.*s\n", SLICE_ARG(messages[i].client));
			print_findings(&messages[i]);
			print_header(header);
		}
	}
	if (line->json)
		command_print_json(json_incref(json_array_size(array) == 1 && filter->id != 0 ? json_array_get(array, 0) : array));
	json_decref(array);
	return true;
}

/* ---- Changing ---- */

/* A way to change what the filter names. */
struct way {
	bool (*change)(struct queue *queue, const struct queue_filter *filter, struct slice reason, size_t *changed, struct error *error);
	const char *event;   /* written for each message */
	const char *done;    /* "3 messages …" */
	const char *already; /* "what it names …", where it changed nothing; NULL: can't be */
	bool tell;           /* the running courier has something to do */
	struct slice reason; /* of what is given back */
};

struct noting {
	const struct command_line *line;
	const struct way *way;
};

static void note(void *context, const struct queue_message *message)
{
	const struct noting *noting = context;
	instance_note(noting->line, noting->way->event, log_id("id", message->id), log_slice("from", message->from), log_slice("reason", noting->way->reason));
}

/* Nothing was changed: is there nothing, or was it so already? */
static bool explain(const struct command_line *line, struct queue *queue, const struct queue_filter *wanted, const struct way *way, struct error *error)
{
	struct queue_filter filter = *wanted;
	struct queue_message *messages;
	size_t count;
	filter.limit = 1;
	filter.held = false;
	if (!queue_list(queue, &filter, line->arena, &messages, &count, error))
		return false;
	return count > 0 && way->already ? error_set(error, ERROR_EXISTS, "%.*s: %s", SLICE_ARG(name_of(line)), way->already) : nothing_found(line, error);
}

static bool act(const struct command_line *line, struct queue *queue, const struct queue_filter *wanted, const struct way *way, struct error *error)
{
	struct queue_filter filter = *wanted;
	struct noting noting = {line, way};
	size_t changed;
	if (is_named(line)) {
		filter.changed = note;
		filter.context = &noting;
	}
	if (!way->change(queue, &filter, way->reason, &changed, error))
		return false;
	if (way->tell)
		instance_tell_flush(line);
	if (changed == 0 && is_named(line))
		return explain(line, queue, wanted, way, error);
	if (!is_named(line))
		instance_note(line, way->event, log_number("messages", (int64_t)changed));
	printf("%zu message%s %s\n", changed, changed == 1 ? "" : "s", way->done);
	return true;
}

static bool flush_them(struct queue *queue, const struct queue_filter *filter, struct slice reason, size_t *changed, struct error *error)
{
	(void)reason;
	return queue_flush(queue, filter, changed, error);
}

static bool remove_them(struct queue *queue, const struct queue_filter *filter, struct slice reason, size_t *changed, struct error *error)
{
	(void)reason;
	return queue_remove(queue, filter, changed, error);
}

static bool hold_them(struct queue *queue, const struct queue_filter *filter, struct slice reason, size_t *changed, struct error *error)
{
	(void)reason;
	return queue_hold(queue, filter, true, changed, error);
}

static bool release_them(struct queue *queue, const struct queue_filter *filter, struct slice reason, size_t *changed, struct error *error)
{
	(void)reason;
	return queue_hold(queue, filter, false, changed, error);
}

static bool flush(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error)
{
	return act(line, queue, filter, &(struct way){.change = flush_them, .event = "admin.queue_flushed", .done = "due now", .already = "held, so it isn't tried; `pombal queue release` lets it go on", .tell = true}, error);
}

static bool hold(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error)
{
	return act(line, queue, filter, &(struct way){.change = hold_them, .event = "admin.queue_held", .done = "held", .already = "held already"}, error);
}

static bool release(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error)
{
	return act(line, queue, filter, &(struct way){.change = release_them, .event = "admin.queue_released", .done = "released", .already = "not held", .tell = true}, error);
}

static bool remove_it(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error)
{
	return act(line, queue, filter, &(struct way){.change = remove_them, .event = "admin.queue_removed", .done = "removed"}, error);
}

static bool give_back(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error)
{
	const char *reason = command_value(line, "reason");
	return act(line, queue, filter, &(struct way){.change = queue_return, .event = "admin.queue_returned", .done = "given back", .tell = true, .reason = slice_of(reason ? reason : ""),
		.already = "going back already, or there is nobody to tell: what has no sender, and junk and what is in quarantine from other servers, can be removed alone"}, error);
}

/* What holds, returns or removes mail is told which. */
static int run_named(struct command_line *line, bool (*run)(struct command_line *line, struct queue *queue, const struct queue_filter *filter, struct error *error))
{
	return is_named(line) ? run_with(line, run) : command_misuse(line, "nothing is said to be meant");
}

static int run_list(struct command_line *line) { return run_with(line, list); }
static int run_show(struct command_line *line) { return run_with(line, show); }
static int run_flush(struct command_line *line) { return run_with(line, flush); }
static int run_hold(struct command_line *line) { return run_named(line, hold); }
static int run_release(struct command_line *line) { return run_named(line, release); }
static int run_remove(struct command_line *line) { return run_named(line, remove_it); }
static int run_return(struct command_line *line) { return run_named(line, give_back); }

#define WHICH {"account", "ADDRESS", "only what this account has submitted"}, {"held", NULL, "only what is held"}
static const struct command_option which[] = {WHICH, {0}};
static const struct command_option return_options[] = {WHICH, {"reason", "TEXT", "what its sender reads as the reason"}, {0}};
static const struct command_option list_options[] = {WHICH, {"limit", "N", "only the first N, the oldest"}, {"after", "ID", "only what came after this message"}, {0}};

const struct command cli_queue_commands[] = {
	{"queue list", "[ID|ADDRESS|@DOMAIN]", "Lists what waits to be delivered, and what is held and why.", run_list, list_options, 0, 1, COMMAND_JSON, ADMIN_READS},
	{"queue show", "ID|ADDRESS|@DOMAIN", "Shows messages with their headers and what became of each recipient so far.", run_show, NULL, 1, 1, COMMAND_JSON, ADMIN_READS},
	{"queue flush", "[ID|ADDRESS|@DOMAIN]", "Tries again at once.", run_flush, which, 0, 1, 0, ADMIN_CHANGES},
	{"queue hold", "[ID|ADDRESS|@DOMAIN]", "Holds messages back until they are released.", run_hold, which, 0, 1, 0, ADMIN_CHANGES},
	{"queue release", "[ID|ADDRESS|@DOMAIN]", "Lets held messages go on; one that waits for its time only if its ID is given: at once.", run_release, which, 0, 1, 0, ADMIN_CHANGES},
	{"queue return", "[ID|ADDRESS|@DOMAIN]", "Gives messages back to their senders now, who are told as of any other that can't be delivered.", run_return, return_options, 0, 1, 0, ADMIN_CHANGES},
	{"queue edit", "ID [ADDRESS]", "Changes to which address the mail of a recipient goes, or through which server; never what its sender has written.", cli_queue_edit, cli_queue_edit_options, 1, 2, 0, ADMIN_CHANGES},
	{"queue remove", "[ID|ADDRESS|@DOMAIN]", "Removes messages without telling their senders.", run_remove, which, 0, 1, COMMAND_REMOVES, ADMIN_CHANGES},
	{0},
};
