/* Weighing kept mail anew; see spam_replay.h. What a message says is looked at by the rules and with the words of now. What was asked of others when it came (authentication, lists,
 * scanners) isn't asked again: what was found then counts, with the points that it has now. So it shows what a change of points, thresholds or words does to mail that is like this. */
#include "cli/spam_replay.h"

#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "cli/instance.h"
#include "cli/quarantine_letter.h"
#include "cli/spam_files.h"
#include "cli/spam_personal.h"
#include "cli/spam_settings.h"
#include "config/config_edit.h"
#include "message/header.h"
#include "policy/settings.h"

enum {
	MOST_DEFAULT = 200, MOST = 1000, /* messages that are weighed */
	SHOWN_MAX = 500,                 /* of those whose verdict changes */
	TEXT_MAX = 1024 * 1024,          /* of pombal.conf */
	VALUE_MAX = 256 * 1024,
	MESSAGE_MAX = 64 * 1024 * 1024,
	TESTS_MAX = 200,
	FIELD_SHOWN = 200,               /* bytes of a subject or an author */
};

struct replay {
	struct command_line *line;
	struct classify_store *store; /* NULL: nothing was learned */
	struct cli_spam_personal *personal;
	struct score_settings present, settings; /* settings: of the candidate, or the present ones */
	size_t weighed, passed_over;
	unsigned before[SCORE_VERDICTS], after[SCORE_VERDICTS];
	size_t changed;
	json_t *shown;
};

/* What is known of a message from when it came. */
struct kept {
	struct slice id;
	int64_t arrived;
	enum score_verdict verdict;
	int points;
	struct slice *names;      /* of what was found */
	int *name_points;         /* NULL: only their sum is known */
	size_t count;
};

/* ---- Points ---- */

static bool is_asked(enum score_rule rule) { return (rule >= SCORE_SPF_PASS && rule <= SCORE_ODD_HELO) || rule == SCORE_LISTED || rule == SCORE_WELCOMED; }

/* SCORE_RULES: it isn't of the table, or its points aren't: they are those that it was found with. */
static enum score_rule rule_of(struct slice name)
{
	for (enum score_rule i = 0; i < SCORE_RULES; i++)
		if (slice_equal(name, slice_of(score_rule_name(i))))
			return i == SCORE_LISTED || i == SCORE_WELCOMED || i == SCORE_BAYES_OWN ? SCORE_RULES : i;
	return SCORE_RULES;
}

int cli_spam_replay_asked(const struct score_settings *settings, const struct slice *names, const int *points, size_t count, int total)
{
	int sum = 0, others = total;
	bool foreign = false;
	for (size_t i = 0; i < count; i++) {
		enum score_rule rule = rule_of(names[i]);
		if (rule == SCORE_RULES) {
			foreign = true;
			sum += points ? points[i] : 0;
		} else {
			sum += is_asked(rule) ? settings->points[rule] : 0;
			others -= settings->points[rule];
		}
	}
	return sum + (foreign && !points ? others : 0); /* what is left of the sum is theirs */
}

bool cli_spam_replay_field(struct slice field, struct arena *arena, int *total, struct slice **names, size_t *count)
{
	struct slice score, rest, name, list;
	size_t at = slice_find(field, SLICE("score=")), tests = slice_find(field, SLICE("tests="));
	*count = 0;
	*names = arena_array(arena, TESTS_MAX, sizeof **names);
	if (at == SLICE_NONE || tests == SLICE_NONE)
		return false;
	slice_cut(slice_skip(field, at + 6), ' ', &score, &rest);
	if (!policy_record_points(score, total))
		return false;
	for (list = slice_skip(field, tests + 6); list.len > 0 && *count < TESTS_MAX;) {
		bool more = slice_cut(list, ',', &name, &list);
		name = slice_trim(name);
		for (size_t i = 0; i < name.len; i++)
			if (!more && (name.at[i] == ' ' || name.at[i] == '\t' || name.at[i] == '\r' || name.at[i] == '\n'))
				name.len = i; /* "autolearn=" follows the last one */
		if (name.len > 0 && !slice_equal(name, SLICE("none")))
			(*names)[(*count)++] = name;
		if (!more)
			break;
	}
	return true;
}

/* ---- Weighing ---- */

static struct slice header_of(const struct cli_spam_message *message) { return slice_sub(message->bytes, 0, (size_t)message->root->header_size); }

static json_t *json_of_field(const struct cli_spam_message *message, const char *name)
{
	struct header_field field;
	return cli_json_of_slice(header_find(header_of(message), slice_of(name), &field) ? slice_sub(header_decode(field.body, message->arena), 0, FIELD_SHOWN) : SLICE(""));
}

static void show(struct replay *self, const struct cli_spam_message *message, const struct kept *kept, int points, enum score_verdict verdict)
{
	self->changed++;
	if (json_array_size(self->shown) < SHOWN_MAX)
		json_array_append_new(self->shown, json_pack("{s:o, s:I, s:o, s:o, s:f, s:f, s:s, s:s}", "id", cli_json_of_slice(kept->id), "arrived", (json_int_t)kept->arrived,
			"author", json_of_field(message, "From"), "subject", json_of_field(message, "Subject"), "points_before", kept->points / 100.0, "points", points / 100.0,
			"before", score_verdict_name(kept->verdict), "after", score_verdict_name(verdict)));
}

static void weigh(struct replay *self, struct slice text, const struct kept *kept, struct arena *arena)
{
	struct cli_spam_message message = {.arena = arena};
	struct classify_verdict learned;
	struct score_result result;
	cli_spam_read(&message, text);
	classify_judge(self->store, cli_spam_personal_words(self->personal), &message.tokens, &learned);
	struct score_facts facts = {.message = message.bytes, .root = message.root, .shown = &message.shown, .now = kept->arrived, .bayes = learned.unsure ? -1 : learned.probability};
	cli_spam_personal_know(self->personal, &message, clock_now(), &facts.origin);
	score_evaluate(&facts, &self->settings, arena, &result);
	int points = result.total + cli_spam_replay_asked(&self->settings, kept->names, kept->name_points, kept->count, kept->points);
	enum score_verdict verdict = score_verdict_of(&self->settings, points);
	self->weighed++;
	self->before[kept->verdict]++;
	self->after[verdict]++;
	if (verdict != kept->verdict)
		show(self, &message, kept, points, verdict);
}

/* ---- Quarantine ---- */

/* What was found of it; its points are written down, or are those of what was found. */
static void recall(const struct queue_message *message, const struct score_found *found, struct arena *arena, struct kept *kept)
{
	kept->names = arena_array(arena, kept->count + 1, sizeof *kept->names);
	kept->name_points = arena_array(arena, kept->count + 1, sizeof *kept->name_points);
	for (size_t i = 0; i < kept->count; i++) {
		kept->names[i] = found[i].name;
		kept->name_points[i] = found[i].points;
		kept->points += message->weighed ? 0 : found[i].points;
	}
}

/* What lies there for what a scanner has found, or for what is attached, does so whatever it weighs: these findings have no points. */
static void weigh_apart(struct replay *self, struct queue *queue, const struct queue_message *message)
{
	char id[ID_TEXT_LEN + 1];
	struct arena *arena = arena_new();
	struct score_found *found;
	struct slice text;
	struct error error;
	id_format(message->id, id);
	struct kept kept = {.id = slice_of(id), .arrived = message->arrived, .verdict = SCORE_QUARANTINE, .points = message->points};
	kept.count = policy_record_read(message->findings, '\n', SCORE_ENGLISH, arena, &found);
	const struct score_found *main = policy_record_main(found, kept.count);
	if (main && main->points != 0 && cli_quarantine_read(queue, message, arena, &text, &error)) {
		recall(message, found, arena, &kept);
		weigh(self, text, &kept, arena);
	} else
		self->passed_over++;
	arena_free(&arena);
}

/* The newest. */
static bool weigh_quarantine(struct replay *self, size_t most, struct error *error)
{
	struct queue *queue = instance_queue(self->line);
	struct queue_message *list;
	size_t count = 0;
	if (!queue)
		return error_set(error, ERROR_TEMPORARY, "the queue can't be opened");
	bool done = queue_list(queue, &(struct queue_filter){.reason = REASON_SET_APART}, self->line->arena, &list, &count, error);
	for (size_t i = count > most ? count - most : 0; done && i < count; i++)
		weigh_apart(self, queue, &list[i]);
	queue_close(&queue);
	return done;
}

/* ---- Mailboxes ---- */

/* A message that wasn't weighed when it came has no field of ours. */
static void weigh_message(struct replay *self, struct account *account, const struct mailbox *mailbox, const struct message *message)
{
	char id[ID_TEXT_LEN + 1];
	struct arena *arena = arena_new();
	struct buf text = BUF(MESSAGE_MAX);
	struct header_field field;
	struct error error;
	uint64_t size;
	id_format(message->id, id);
	struct kept kept = {.id = slice_of(id), .arrived = message->received};
	int fd = message_open(account, message->id, &size, &error);
	bool done = fd >= 0 && file_read_fd(fd, &text, &error) && header_find(slice_sub(buf_slice(&text), 0, header_length(buf_slice(&text))), SLICE("X-Spam-Status"), &field) &&
		    cli_spam_replay_field(field.body, arena, &kept.points, &kept.names, &kept.count);
	if (fd >= 0)
		close(fd);
	kept.verdict = mailbox->use == USE_JUNK ? SCORE_JUNK : score_verdict_of(&self->present, kept.points) == SCORE_TAG ? SCORE_TAG : SCORE_INBOX;
	if (done)
		weigh(self, buf_slice(&text), &kept, arena);
	else
		self->passed_over++;
	buf_free(&text);
	arena_free(&arena);
}

static bool weigh_mailbox(struct replay *self, struct account *account, const struct mailbox *mailbox, size_t most, struct error *error)
{
	struct message *list;
	uint32_t *uids;
	size_t count;
	int64_t modseq;
	if (!message_uids(account, mailbox->id, &uids, &count, &modseq, error))
		return false;
	uint32_t first = count > most ? uids[count - most] : 1;
	free(uids);
	if (!message_list(account, mailbox->id, first, UINT32_MAX, 0, most, MESSAGE_FLAGS, self->line->arena, &list, &count, error))
		return false;
	for (size_t i = 0; i < count; i++)
		weigh_message(self, account, mailbox, &list[i]);
	return true;
}

/* The folder that is named, or all. */
static bool weigh_account(struct replay *self, const char *address, size_t most, struct error *error)
{
	const char *wanted = command_value(self->line, "mailbox");
	struct slice name;
	struct mailbox *list;
	size_t count = 0, seen = 0;
	if (!instance_address(self->line, slice_of(address), &name, error))
		return false;
	struct store *store = instance_store_to_look(self->line);
	struct account *account = store ? store_open_account(store, name, error) : NULL;
	if (!store)
		error_set(error, ERROR_TEMPORARY, "the accounts can't be opened");
	bool done = account && mailbox_list(account, self->line->arena, &list, &count, error);
	for (size_t i = 0; done && i < count && self->weighed < most; i++)
		if (list[i].selectable && (!wanted || slice_equal(list[i].name, slice_of(wanted)))) {
			done = weigh_mailbox(self, account, &list[i], most - self->weighed, error);
			seen++;
		}
	store_release_account(&account);
	if (store)
		store_close(&store);
	return done && (seen > 0 || error_set(error, ERROR_NOT_FOUND, "there is no folder \"%s\"", wanted ? wanted : ""));
}

/* ---- Settings ---- */

/* One "OPTION=VALUE": the text so far becomes the text with it. */
static bool set_one(struct slice assignment, struct buf *text, struct arena *arena, struct error *error)
{
	struct slice name, value, before = arena_copy(arena, buf_slice(text));
	struct buf to = BUF(VALUE_MAX);
	bool has_value = slice_cut(assignment, '=', &name, &value);
	const struct option *option = config_option(slice_trim(name));
	if (!option || !has_value)
		return error_set(error, option ? ERROR_INVALID : ERROR_NOT_FOUND, option ? "%.*s: it takes OPTION=VALUE" : "there is no option \"%.*s\"", SLICE_ARG(name));
	value = slice_trim(value);
	buf_clear(text);
	bool done = (value.len == 0 || config_edit_value(option, value, &to, error)) && config_edit(before, option, buf_slice(&to), text, error);
	buf_free(&to);
	return done;
}

static bool read_candidate(struct replay *self, struct buf *text, struct error *error)
{
	const char *path = command_value(self->line, "config"), *set = command_value(self->line, "set");
	struct slice one, rest = slice_of(set ? set : "");
	bool done = path ? command_read_file(self->line, path, text, error) : file_read(arena_printf(self->line->arena, "%s/pombal.conf", self->line->data).at, text, error);
	while (done && rest.len > 0) {
		slice_cut(rest, '\n', &one, &rest);
		done = set_one(one, text, self->line->arena, error);
	}
	struct config *config = done ? config_parse(buf_slice(text), path ? path : "pombal.conf", error) : NULL;
	done = config && policy_settings_read(config, &self->settings, error);
	config_free(&config);
	return done;
}

static bool read_settings(struct replay *self, struct error *error)
{
	const char *address = command_value(self->line, "of");
	struct buf text = BUF(TEXT_MAX);
	bool done = policy_settings_read(config_current(), &self->present, error) && read_candidate(self, &text, error);
	buf_free(&text);
	return done && (!address || (cli_spam_settings_apply(self->line, address, &self->present, error) && cli_spam_settings_apply(self->line, address, &self->settings, error)));
}

/* ---- Telling ---- */

static json_t *json_of_counts(const unsigned counts[SCORE_VERDICTS])
{
	json_t *object = json_object();
	for (enum score_verdict i = 0; i < SCORE_VERDICTS; i++)
		json_object_set_new(object, score_verdict_name(i), json_integer(counts[i]));
	return object;
}

static void print_counts(const char *title, const unsigned counts[SCORE_VERDICTS])
{
	printf("%-8s", title);
	for (enum score_verdict i = 0; i < SCORE_VERDICTS; i++)
		printf("%12u", counts[i]);
	putchar('\n');
}

static void print_changed(const struct replay *self)
{
	size_t i;
	json_t *one;
	json_array_foreach(self->shown, i, one) {
		printf("%s  %7.2f -> %7.2f  %s -> %s  ", json_string_value(json_object_get(one, "id")), json_number_value(json_object_get(one, "points_before")),
		       json_number_value(json_object_get(one, "points")), json_string_value(json_object_get(one, "before")), json_string_value(json_object_get(one, "after")));
		cli_print_safe(slice_of(json_string_value(json_object_get(one, "subject"))));
		putchar('\n');
	}
}

static void tell(const struct replay *self)
{
	if (self->line->json) {
		command_print_json(json_pack("{s:I, s:I, s:I, s:o, s:o, s:O}", "weighed", (json_int_t)self->weighed, "passed_over", (json_int_t)self->passed_over, "changed", (json_int_t)self->changed,
					     "before", json_of_counts(self->before), "after", json_of_counts(self->after), "messages", self->shown));
		return;
	}
	printf("%8s", "");
	for (enum score_verdict i = 0; i < SCORE_VERDICTS; i++)
		printf("%12s", score_verdict_name(i));
	putchar('\n');
	print_counts("before", self->before);
	print_counts("now", self->after);
	print_changed(self);
	printf("%zu weighed, %zu changed, %zu passed over: their points didn't decide\n", self->weighed, self->changed, self->passed_over);
}

/* ---- The whole ---- */

static bool replay(struct replay *self, struct error *error)
{
	const char *address = command_value(self->line, "of");
	uint64_t most;
	self->store = classify_store_read(arena_printf(self->line->arena, "%s/policy/tokens", self->line->data).at, error);
	if (!self->store && error->kind != ERROR_NOT_FOUND)
		return false;
	self->personal = cli_spam_personal_open(self->line, address, error);
	if (!self->personal || !command_number(self->line, "limit", MOST, MOST_DEFAULT, &most, error) || !read_settings(self, error))
		return false;
	return address ? weigh_account(self, address, (size_t)most, error) : weigh_quarantine(self, (size_t)most, error);
}

int cli_spam_replay_kept(struct command_line *line)
{
	struct replay self = {.line = line, .shown = json_array()};
	struct error error;
	int status = COMMAND_FAILED;
	if (line->caller ? instance_enter(line) : instance_enter_reading(line)) {
		status = replay(&self, &error) ? COMMAND_DONE : command_fail_with(line, &error);
		if (status == COMMAND_DONE)
			tell(&self);
	}
	cli_spam_personal_close(&self.personal);
	classify_store_close(&self.store);
	json_decref(self.shown);
	config_free_all();
	return status;
}
