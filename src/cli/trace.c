/* pombal trace: everything that happened to a message. The event files are searched for what was asked; the ids of the
 * messages in the lines found, and of those that came of them (a report, a forwarded copy), are followed until there are no
 * more; then every line about them is shown, message by message. */
#include "base/array.h"
#include "base/map.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "base/event.h"

struct story {
	struct slice id;           /* empty: lines without one, such as refusals */
	struct slice *lines;       /* grows */
	size_t count, room;
	bool has_session;          /* is it among the stories of the session it came in by? */
	struct story *next, *next_of_session;
};

struct trace {
	struct command_line *line;
	struct slice wanted;       /* without <> */
	struct map *stories;       /* by id */
	struct map *sessions;      /* the last story of each session */
	struct story *first, **last;
	struct arena *scratch;     /* per line */
	bool grown;                /* has this pass found another id? */
};

/* Fields that name another message which came of this one. */
static const char *const kin[] = {"report", "as"};

static struct story *story_of(struct trace *trace, struct slice id)
{
	struct story *story = map_get(trace->stories, id);
	if (story)
		return story;
	story = arena_alloc(trace->line->arena, sizeof *story);
	story->id = arena_copy(trace->line->arena, id);
	map_put(trace->stories, id, story);
	*trace->last = story;
	trace->last = &story->next;
	trace->grown = true;
	return story;
}

/* Who signed in is known of the session, which may bring several messages. */
static void note_session(struct trace *trace, struct story *story, struct slice session)
{
	if (session.len == 0 || story->id.len == 0 || story->has_session)
		return;
	story->has_session = true;
	story->next_of_session = map_get(trace->sessions, session);
	map_put(trace->sessions, session, story);
}

static struct slice without_brackets(struct slice text)
{
	return text.len > 2 && text.at[0] == '<' && text.at[text.len - 1] == '>' ? slice_sub(text, 1, text.len - 2) : text;
}

static bool mentions(const struct event *event, struct slice wanted)
{
	for (size_t i = 0; i < event->count; i++)
		if (slice_equal_nocase(without_brackets(event->fields[i].value), wanted))
			return true;
	return false;
}

/* What people who ask why they can't get in want to see: failures, and ended sessions. */
static bool is_about_access(const struct event *event)
{
	static const char *const names[] = {"sign_in.failed", "sign_in.throttled", "sign_in.malformed", "sign_in.overloaded", "session.ended"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(event_get(event, "event"), slice_of(names[i])))
			return true;
	return false;
}

/* Who signs in without a domain is found by the address that was meant. */
static bool is_bare_name_of(const struct event *event, struct slice wanted)
{
	struct slice name = event_get(event, "name");
	return name.len > 0 && wanted.len > name.len && wanted.at[name.len] == '@' && slice_equal_nocase(slice_sub(wanted, 0, name.len), name);
}

static bool is_sign_in(const struct event *event) { return slice_starts(event_get(event, "event"), SLICE("sign_in.")); }

/* People signing in and reading are no part of a message's way, but for the session that brought it. */
static bool is_about_mail(const struct event *event)
{
	struct slice role = event_get(event, "role");
	return slice_equal(role, SLICE("smtp")) || slice_equal(role, SLICE("courier")) || slice_equal(role, SLICE("sendmail"));
}

/* A line that is told of an address, whether or not it is about a message. */
static bool concerns(const struct event *event, struct slice wanted)
{
	if (is_about_access(event))
		return mentions(event, wanted) || is_bare_name_of(event, wanted);
	return is_about_mail(event) && mentions(event, wanted);
}

static bool parse(struct trace *trace, struct slice text, struct event *event)
{
	arena_reset(trace->scratch);
	return event_parse(text, trace->scratch, event);
}

/* First passes: which messages. */
static void find_ids(void *context, struct slice text)
{
	struct trace *trace = context;
	struct event event;
	if (!parse(trace, text, &event))
		return;
	struct slice id = event_get(&event, "id");
	bool known = id.len > 0 && map_get(trace->stories, id);
	for (size_t i = 0; i < sizeof kin / sizeof *kin; i++)
		known = known || (id.len > 0 && event_get(&event, kin[i]).len > 0 && map_get(trace->stories, event_get(&event, kin[i])));
	if (!known && !concerns(&event, trace->wanted))
		return;
	note_session(trace, story_of(trace, id), event_get(&event, "session"));
	for (size_t i = 0; i < sizeof kin / sizeof *kin; i++)
		if (event_get(&event, kin[i]).len > 0)
			story_of(trace, event_get(&event, kin[i]));
}

static void add_line(struct trace *trace, struct story *story, struct slice text)
{
	ARENA_GROW(trace->line->arena, story->lines, story->count, story->room);
	story->lines[story->count++] = arena_copy(trace->line->arena, text);
}

/* Last pass: their lines. */
static void gather(void *context, struct slice text)
{
	struct trace *trace = context;
	struct event event;
	if (!parse(trace, text, &event))
		return;
	struct slice id = event_get(&event, "id");
	struct story *story = map_get(trace->stories, id);
	struct story *brought = id.len == 0 && is_sign_in(&event) ? map_get(trace->sessions, event_get(&event, "session")) : NULL;
	if (brought)
		for (; brought; brought = brought->next_of_session)
			add_line(trace, brought, text);
	else if (story && (id.len > 0 || concerns(&event, trace->wanted)))
		add_line(trace, story, text);
}

/* ---- Showing ---- */

static bool is_frame(struct slice name)
{
	static const char *const frame[] = {"time", "level", "role", "event", "id", "session"};
	for (size_t i = 0; i < sizeof frame / sizeof *frame; i++)
		if (slice_equal(name, slice_of(frame[i])))
			return true;
	return false;
}

static void print_event(const struct event *event)
{
	printf("  ");
	cli_print_safe(slice_sub(event_get(event, "time"), 0, 10));
	putchar(' ');
	cli_print_safe(slice_sub(event_get(event, "time"), 11, 13)); /* with its Z: events have UTC */
	printf("  ");
	cli_print_safe(event_get(event, "event"));
	for (size_t i = 0; i < event->count; i++) {
		if (is_frame(event->fields[i].name) || event->fields[i].value.len == 0)
			continue;
		printf("  ");
		cli_print_safe(event->fields[i].name);
		printf(": ");
		cli_print_safe(event->fields[i].value);
	}
	putchar('\n');
}

static json_t *json_of_event(const struct event *event)
{
	json_t *object = json_object();
	for (size_t i = 0; i < event->count; i++) {
		char name[64];
		snprintf(name, sizeof name, "%.*s", SLICE_ARG(event->fields[i].name));
		json_object_set_new(object, name, cli_json_of_slice(event->fields[i].value));
	}
	return object;
}

/* Is it still on its way? Read from the queue, once for all. */
static void note_waiting(const struct story *story, struct queue *queue, struct arena *arena, json_t *object)
{
	struct queue_filter filter = {.id = id_parse(story->id)};
	struct queue_message *messages;
	size_t count = 0;
	struct error error;
	if (!queue || filter.id == 0 || !queue_list(queue, &filter, arena, &messages, &count, &error) || count == 0)
		return;
	json_t *waiting = json_array();
	for (size_t i = 0; i < messages[0].recipient_count; i++) {
		char when[32];
		const struct queue_recipient *recipient = &messages[0].recipients[i];
		json_array_append_new(waiting, cli_json_of_slice(recipient->address));
		if (object)
			continue;
		printf("  in the queue: ");
		cli_print_safe(recipient->address);
		printf(messages[0].held ? "  held\n" : "  next attempt %s\n", cli_time_text(recipient->next_attempt, when));
	}
	if (object)
		json_object_set(object, "waiting", waiting);
	json_decref(waiting);
}

static void show_story(struct trace *trace, const struct story *story, struct queue *queue, json_t *array)
{
	json_t *object = trace->line->json ? json_object() : NULL, *events = json_array();
	struct event event;
	if (!object)
		printf("%.*s\n", story->id.len > 0 ? (int)story->id.len : 15, story->id.len > 0 ? story->id.at : "without message");
	for (size_t i = 0; i < story->count; i++) {
		if (!parse(trace, story->lines[i], &event))
			continue;
		if (object)
			json_array_append_new(events, json_of_event(&event));
		else
			print_event(&event);
	}
	arena_reset(trace->scratch);
	note_waiting(story, queue, trace->scratch, object);
	if (object) {
		json_object_set_new(object, "id", cli_json_of_slice(story->id));
		json_object_set(object, "events", events);
		json_array_append_new(array, object);
	}
	json_decref(events);
}

/* Who signed in, what was accepted, and what became of it is each written down by another process, perhaps before the former. */
static void put_in_order(struct trace *trace, struct story *story)
{
	size_t first = 0;
	for (size_t i = 0; i < story->count; i++) {
		struct event event;
		if (!parse(trace, story->lines[i], &event))
			continue;
		struct slice name = event_get(&event, "event"), line = story->lines[i];
		if (!is_sign_in(&event) && !slice_equal(name, SLICE("message.accepted")) && !slice_equal(name, SLICE("message.recipient")))
			continue;
		for (size_t k = i; k > first; k--)
			story->lines[k] = story->lines[k - 1];
		story->lines[first++] = line;
	}
}

static bool follow(struct trace *trace, struct error *error)
{
	enum { PASSES_MAX = 8 }; /* reports and forwarded copies of forwarded copies */
	bool done = true;
	trace->grown = true;
	instance_await_events(trace->line);
	for (int pass = 0; done && trace->grown && pass < PASSES_MAX; pass++) {
		trace->grown = false;
		done = event_files_read(trace->line->data, find_ids, trace, error);
	}
	return done && event_files_read(trace->line->data, gather, trace, error);
}

static int show(struct trace *trace)
{
	if (!trace->first)
		return command_fail(trace->line, "nothing is known of %.*s", SLICE_ARG(trace->wanted));
	struct queue *queue = instance_queue(trace->line);
	json_t *array = json_array();
	for (struct story *story = trace->first; story; story = story->next) {
		if (story->id.len > 0)
			put_in_order(trace, story);
		if (story->count > 0)
			show_story(trace, story, queue, array);
	}
	if (trace->line->json)
		command_print_json(json_incref(array));
	json_decref(array);
	if (queue)
		queue_close(&queue);
	return COMMAND_DONE;
}

static int run(struct command_line *line)
{
	struct trace trace = {.line = line, .wanted = without_brackets(command_argument(line, 0)), .stories = map_new(), .sessions = map_new(), .scratch = arena_new()};
	struct error error;
	trace.last = &trace.first;
	int status = COMMAND_FAILED;
	if (instance_enter(line))
		status = follow(&trace, &error) ? show(&trace) : command_fail_with(line, &error);
	map_free(&trace.stories);
	map_free(&trace.sessions);
	arena_free(&trace.scratch);
	config_free_all();
	return status;
}

const struct command cli_trace_commands[] = {
	{"trace", "ADDRESS|MESSAGE-ID|ID", "Tells everything that happened to a message, and why.", run, NULL, 1, 1, COMMAND_JSON, ADMIN_READS},
	{0},
};
