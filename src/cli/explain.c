/* pombal explain MESSAGE-ID: why a message that came was judged as it was. What was found is written down when it comes, in the event message.judged and,
 * while it waits, beside it in the queue, where more of it has place; nothing is judged anew. A Message-ID may have come more than once. What its points lead
 * to is told by the thresholds that it was judged with, as far as its recipients have their own, or by those of an account that is named. */
#include "cli/explain.h"

#include "base/array.h"
#include "base/map.h"
#include "base/random.h"
#include "cli/instance.h"
#include "cli/spam_settings.h"
#include "base/event.h"
#include "policy/record.h"
#include "policy/settings.h"

enum { TEXT_MAX = 256 * 1024, SHOWN_MAX = 20 };

/* A message that came; all in the command's arena. */
struct coming {
	struct slice id;
	bool judged;
	struct slice time, action, points, thresholds, findings, reason, spf, dkim, dmarc, iprev; /* of message.judged */
	struct slice from, to, client, message_id, refusal; /* of message.accepted or message.refused */
	char separator;          /* between findings */
};

struct explaining {
	struct command_line *line;
	struct slice wanted;     /* without <> */
	struct map *known;       /* struct coming by id */
	struct coming **list;   /* in the order in which they came */
	size_t count, room;
	struct score_settings settings;
	enum score_language language;
	struct arena *scratch;   /* of one event */
};

struct slice cli_explain_language(const struct command_line *line)
{
	const char *const names[] = {command_value(line, "language"), getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i] && names[i][0])
			return slice_of(names[i]);
	return SLICE("");
}

/* ---- finding them ---- */

static struct slice without_brackets(struct slice text)
{
	return text.len > 2 && text.at[0] == '<' && text.at[text.len - 1] == '>' ? slice_sub(text, 1, text.len - 2) : text;
}

static bool parse(struct explaining *self, struct slice text, struct event *event)
{
	arena_reset(self->scratch);
	return event_parse(text, self->scratch, event);
}

static struct slice kept(const struct explaining *self, const struct event *event, const char *name)
{
	return arena_copy(self->line->arena, event_get(event, name));
}

/* Was it set apart for somebody under the id that is asked about? */
static bool is_wanted_copy(const struct explaining *self, const struct event *event)
{
	return slice_equal(event_get(event, "event"), SLICE("message.set_apart")) && slice_equal(event_get(event, "as"), self->wanted);
}

static void find(void *context, struct slice text)
{
	struct explaining *self = context;
	struct event event;
	if (!parse(self, text, &event))
		return;
	struct slice id = event_get(&event, "id"), name = event_get(&event, "event");
	bool is_named = is_wanted_copy(self, &event) || slice_equal(without_brackets(event_get(&event, "msgid")), self->wanted) || slice_equal(id, self->wanted);
	if (!is_named || id.len == 0 || !slice_starts(name, SLICE("message.")) || map_get(self->known, id))
		return;
	struct coming *coming = arena_alloc(self->line->arena, sizeof *coming);
	coming->id = arena_copy(self->line->arena, id);
	coming->separator = ';';
	map_put(self->known, coming->id, coming);
	ARENA_GROW(self->line->arena, self->list, self->count, self->room);
	self->list[self->count++] = coming;
}

static void note_judged(const struct explaining *self, struct coming *coming, const struct event *event)
{
	coming->judged = true;
	coming->time = kept(self, event, "time");
	coming->action = kept(self, event, "action");
	coming->points = kept(self, event, "points");
	coming->thresholds = kept(self, event, "thresholds");
	coming->findings = kept(self, event, "findings");
	coming->reason = kept(self, event, "reason");
	coming->spf = kept(self, event, "spf");
	coming->dkim = kept(self, event, "dkim");
	coming->dmarc = kept(self, event, "dmarc");
	coming->iprev = kept(self, event, "iprev");
}

/* What it was for the account whose copy is asked about. */
static void note_set_apart(const struct explaining *self, struct coming *coming, const struct event *event)
{
	coming->action = SLICE("quarantine");
	coming->thresholds = kept(self, event, "thresholds");
}

static void note_ended(const struct explaining *self, struct coming *coming, const struct event *event)
{
	coming->from = kept(self, event, "from");
	coming->to = kept(self, event, "to");
	coming->client = kept(self, event, "client");
	coming->message_id = kept(self, event, "msgid");
	coming->refusal = kept(self, event, "reason");
}

static void gather(void *context, struct slice text)
{
	struct explaining *self = context;
	struct event event;
	struct coming *coming = parse(self, text, &event) ? map_get(self->known, event_get(&event, "id")) : NULL;
	if (!coming)
		return;
	struct slice name = event_get(&event, "event");
	if (slice_equal(name, SLICE("message.judged")))
		note_judged(self, coming, &event);
	else if (slice_equal(name, SLICE("message.accepted")) || slice_equal(name, SLICE("message.refused")))
		note_ended(self, coming, &event);
	else if (is_wanted_copy(self, &event))
		note_set_apart(self, coming, &event);
}

/* The queue has longer lists than a line of the log holds. */
static void look_into_queue(const struct explaining *self, struct coming *coming, struct queue *queue)
{
	struct queue_filter filter = {.id = id_parse(coming->id)};
	struct queue_message *messages;
	size_t count = 0;
	struct error error;
	if (filter.id == 0 || !queue_list(queue, &filter, self->line->arena, &messages, &count, &error) || count == 0 || messages[0].findings.len == 0)
		return;
	coming->findings = messages[0].findings;
	coming->separator = '\n';
}

/* ---- what it came to ---- */

struct verdict {
	struct score_found *list;
	size_t count;
	int total;
	unsigned done;         /* enum score_verdict or score_fate */
	struct score_settings settings; /* by which its points lead somewhere */
	struct slice reason;   /* other than points; empty: they did it */
};

static unsigned fate_of(struct slice action)
{
	static const struct { const char *name; unsigned fate; } fates[] = {
		{"accept", SCORE_INBOX}, {"tag", SCORE_TAG}, {"junk", SCORE_JUNK}, {"quarantine", SCORE_QUARANTINE}, {"reject", SCORE_REJECT}, {"defer", SCORE_FATE_DEFERRED},
		{"hold", SCORE_FATE_HELD}, {"send", SCORE_FATE_SENT},
	};
	for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
		if (slice_equal(action, slice_of(fates[i].name)))
			return fates[i].fate;
	return SCORE_FATE_UNCHECKED;
}

static struct score_settings settings_of(const struct explaining *self, const struct coming *coming)
{
	struct score_settings settings = self->settings;
	struct config_thresholds thresholds;
	if (!command_value(self->line, "account") && config_thresholds_parse(coming->thresholds, &thresholds))
		policy_settings_apply(&settings, thresholds);
	return settings;
}

static int total_of(const struct coming *coming, const struct verdict *verdict)
{
	int total = 0;
	if (policy_record_points(coming->points, &total))
		return total;
	for (size_t i = 0; i < verdict->count; i++)
		total += verdict->list[i].points;
	return total;
}

static void read_verdict(const struct explaining *self, const struct coming *coming, struct verdict *verdict)
{
	verdict->count = policy_record_read(coming->findings, coming->separator, self->language, self->line->arena, &verdict->list);
	verdict->done = fate_of(coming->action);
	verdict->settings = settings_of(self, coming);
	verdict->reason = slice_starts(coming->reason, SLICE("the message looks like spam")) ? SLICE("") : coming->reason;
	verdict->total = total_of(coming, verdict);
	if (command_value(self->line, "account") && verdict->reason.len == 0 && verdict->done <= SCORE_REJECT)
		verdict->done = score_verdict_of(&verdict->settings, verdict->total); /* as it would have been for that account */
}

/* ---- showing ---- */

static void print_named(const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	fputs(name, stdout);
	cli_print_safe(value);
}

static void print_lines(struct slice text)
{
	struct slice line;
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		cli_print_safe(line);
		putchar('\n');
	}
}

static void print_coming(const struct explaining *self, const struct coming *coming, const struct verdict *verdict)
{
	struct buf out = BUF(TEXT_MAX);
	print_named("", coming->id);
	print_named("  ", slice_sub(coming->time, 0, 19));
	print_named("Z  from <", coming->from);
	print_named("> to ", coming->to);
	print_named("  by ", coming->client);
	print_named("\nspf: ", coming->spf);
	print_named("  dkim: ", coming->dkim);
	print_named("  dmarc: ", coming->dmarc);
	print_named("  iprev: ", coming->iprev);
	putchar('\n');
	score_explain_found(&out, &verdict->settings, verdict->list, verdict->count, verdict->total, verdict->done, verdict->reason, self->language);
	print_lines(buf_slice(&out));
	buf_free(&out);
}

static json_t *json_of_points(int points) { return json_real((double)points / 100); }

static json_t *json_of_findings(const struct verdict *verdict)
{
	json_t *rules = json_array();
	for (size_t i = 0; i < verdict->count; i++) {
		const struct score_found *found = &verdict->list[i];
		json_array_append_new(rules, json_pack("{s:o, s:o, s:o, s:s}", "rule", cli_json_of_slice(found->name), "points", json_of_points(found->points), "detail",
						       cli_json_of_slice(found->detail), "text", found->text));
	}
	return rules;
}

static json_t *json_of_thresholds(const struct score_settings *settings)
{
	json_t *thresholds = json_object();
	for (enum score_verdict i = SCORE_TAG; i < SCORE_VERDICTS; i++)
		json_object_set_new(thresholds, score_verdict_name(i), settings->threshold[i] < SCORE_NEVER ? json_of_points(settings->threshold[i]) : json_null());
	return thresholds;
}

/* The same sentences that people read, for who shows them elsewhere. */
static json_t *json_of_telling(const struct explaining *self, const struct verdict *verdict)
{
	struct buf out = BUF(TEXT_MAX);
	score_explain_found(&out, &verdict->settings, verdict->list, verdict->count, verdict->total, verdict->done, verdict->reason, self->language);
	json_t *text = cli_json_of_slice(buf_slice(&out));
	buf_free(&out);
	return text;
}

static json_t *json_of_coming(const struct explaining *self, const struct coming *coming, const struct verdict *verdict)
{
	json_t *object = json_object();
	const struct { const char *name; struct slice value; } texts[] = {
		{"id", coming->id}, {"message_id", coming->message_id}, {"time", coming->time}, {"from", coming->from}, {"to", coming->to}, {"client", coming->client},
		{"spf", coming->spf}, {"dkim", coming->dkim}, {"dmarc", coming->dmarc}, {"iprev", coming->iprev}, {"action", coming->action},
		{"reason", coming->reason}, {"refusal", coming->refusal},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		json_object_set_new(object, texts[i].name, cli_json_of_slice(texts[i].value));
	json_object_set_new(object, "points", json_of_points(verdict->total));
	json_object_set_new(object, "verdict", json_string(score_verdict_name(score_verdict_of(&verdict->settings, verdict->total))));
	json_object_set_new(object, "rules", json_of_findings(verdict));
	json_object_set_new(object, "thresholds", json_of_thresholds(&verdict->settings));
	json_object_set_new(object, "explanation", json_of_telling(self, verdict));
	return object;
}

static int show(struct explaining *self, struct queue *queue)
{
	json_t *array = json_array();
	size_t shown = 0;
	for (size_t i = self->count > SHOWN_MAX ? self->count - SHOWN_MAX : 0; i < self->count; i++) {
		struct verdict verdict;
		if (!self->list[i]->judged)
			continue;
		look_into_queue(self, self->list[i], queue);
		read_verdict(self, self->list[i], &verdict);
		if (self->line->json)
			json_array_append_new(array, json_of_coming(self, self->list[i], &verdict));
		else {
			fputs(shown > 0 ? "\n" : "", stdout);
			print_coming(self, self->list[i], &verdict);
		}
		shown++;
	}
	if (self->line->json && shown > 0)
		command_print_json(json_incref(array));
	json_decref(array);
	return shown > 0 ? COMMAND_DONE : command_fail(self->line, "%.*s came, but wasn't judged: strangers' mail is while sender_checks is set, what our people submit while spam_checks is", SLICE_ARG(self->wanted));
}

static int explain(struct explaining *self)
{
	struct error error;
	const char *account = command_value(self->line, "account");
	instance_await_events(self->line);
	if (!policy_settings_read(config_current(), &self->settings, &error) || (account && !cli_spam_settings_apply(self->line, account, &self->settings, &error)) ||
	    !event_files_read(self->line->data, find, self, &error) ||
	    (self->count > 0 && !event_files_read(self->line->data, gather, self, &error)))
		return command_fail_with(self->line, &error);
	if (self->count == 0)
		return command_fail(self->line, "there is no such file, and no message of that id is known: %.*s", SLICE_ARG(self->wanted));
	struct queue *queue = instance_queue(self->line);
	int status = queue ? show(self, queue) : COMMAND_FAILED;
	if (queue)
		queue_close(&queue);
	return status;
}

int cli_explain_arrived(struct command_line *line)
{
	struct explaining self = {.line = line, .wanted = without_brackets(command_argument(line, 0)), .known = map_new(), .scratch = arena_new()};
	int status = COMMAND_FAILED;
	self.language = score_language(cli_explain_language(line));
	if (instance_enter(line))
		status = explain(&self);
	map_free(&self.known);
	arena_free(&self.scratch);
	config_free_all();
	return status;
}
