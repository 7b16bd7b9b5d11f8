/* pombal push: what push subscriptions were sent, as the events tell it, and the key by which push services know this server. */
#include "base/array.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "base/event.h"
#include "webpush/webpush.h"

/* ---- What was sent ---- */

struct entry { struct slice time, event, account, subscription, what, host, status, reason, again; };

struct entries {
	struct command_line *line;
	struct arena *scratch;
	struct entry *list;
	size_t count, room;
};

static void put(json_t *object, const char *name, struct slice text)
{
	uint64_t number;
	if (slice_to_number(text, INT32_MAX, &number))
		json_object_set_new(object, name, json_integer((json_int_t)number));
	else if (text.len > 0)
		json_object_set_new(object, name, cli_json_of_slice(text));
}

static json_t *json_of(const void *at)
{
	const struct entry *entry = at;
	json_t *object = json_pack("{s:o, s:o, s:o}", "time", cli_json_of_slice(entry->time), "event", cli_json_of_slice(entry->event), "account", cli_json_of_slice(entry->account));
	if (entry->subscription.len > 0)
		json_object_set_new(object, "subscription", cli_json_of_slice(entry->subscription));
	put(object, "what", entry->what);
	put(object, "host", entry->host);
	put(object, "status", entry->status);
	put(object, "reason", entry->reason);
	put(object, "again", entry->again);
	return object;
}

static void print(const void *at)
{
	const struct entry *entry = at;
	cli_print_safe(slice_sub(entry->time, 0, 19));
	printf("  ");
	cli_print_safe(slice_skip(entry->event, sizeof "push." - 1));
	cli_print_part("", entry->account);
	cli_print_part("", entry->subscription);
	cli_print_part("", entry->what);
	cli_print_part("to ", entry->host);
	cli_print_part("status ", entry->status);
	cli_print_part("", entry->reason);
	cli_print_part("again after s: ", entry->again);
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct entry), json_of, print, "nothing was sent to a push service"};

static void hear(void *context, struct slice text)
{
	struct entries *self = context;
	struct event event;
	struct slice wanted = command_argument(self->line, 0);
	arena_reset(self->scratch);
	if (!event_parse(text, self->scratch, &event) || !slice_starts(event_get(&event, "event"), SLICE("push.")))
		return;
	struct slice account = event_get(&event, "account");
	if (account.len == 0 || (wanted.len > 0 && !slice_equal_nocase(account, wanted)))
		return;
	struct arena *arena = self->line->arena;
	ARENA_GROW(arena, self->list, self->count, self->room);
	self->list[self->count++] = (struct entry){
		.time = arena_copy(arena, event_get(&event, "time")), .event = arena_copy(arena, event_get(&event, "event")), .account = arena_copy(arena, account),
		.subscription = arena_copy(arena, event_get(&event, "subscription")), .what = arena_copy(arena, event_get(&event, "what")),
		.host = arena_copy(arena, event_get(&event, "host")), .status = arena_copy(arena, event_get(&event, "status")),
		.reason = arena_copy(arena, event_get(&event, "reason")), .again = arena_copy(arena, event_get(&event, "again")),
	};
}

static int run_list(struct command_line *line)
{
	struct entries self = {.line = line, .scratch = arena_new()};
	bool done = instance_read_events(line, hear, &self);
	if (done)
		command_print_list(line, &shape, self.list, self.count);
	arena_free(&self.scratch);
	return done ? COMMAND_DONE : COMMAND_FAILED;
}

/* ---- The key ---- */

static void show_key(struct command_line *line, const struct directory_push_key *key)
{
	char when[32];
	struct buf text = BUF(WEBPUSH_KEY_TEXT_MAX);
	base64_encode_url(slice_make((const char *)key->key.public, sizeof key->key.public), &text);
	if (line->json)
		command_print_json(json_pack("{s:s, s:I}", "applicationServerKey", text.at, "created", (json_int_t)key->created));
	else
		printf("%s\nmade %s\n", text.at, cli_time_text(key->created, when));
	buf_free(&text);
}

static int run_key(struct command_line *line)
{
	struct directory *directory = instance_become_owner(line) ? instance_directory(line) : NULL;
	struct directory_push_key key;
	struct error error;
	if (!directory)
		return COMMAND_FAILED;
	bool renew = command_value(line, "new") != NULL, done = (!renew || directory_push_key_renew(directory, clock_now(), &error)) && directory_push_key(directory, 0, clock_now(), &key, &error);
	if (done && renew)
		instance_note(line, "admin.push_key_changed", log_number("made", key.created));
	if (done)
		show_key(line, &key);
	memory_wipe(&key, sizeof key);
	directory_close(&directory);
	return done ? COMMAND_DONE : command_fail_with(line, &error);
}

static const struct command_option key_options[] = {{"new", NULL, "make another; subscriptions that were made with the former one are told for 30 days more", false, OPTION_LOCAL}, {0}};

const struct command cli_push_commands[] = {
	{"push list", "[ADDRESS]", "Lists what push subscriptions were sent, and what became of it: of all accounts, or of one.", run_list, NULL, 0, 1, COMMAND_JSON, ADMIN_READS},
	{"push key", "", "Shows the key by which push services know this server (VAPID), in the form that browsers take.", run_key, key_options, 0, 0, COMMAND_JSON, ADMIN_READS},
	{0},
};
