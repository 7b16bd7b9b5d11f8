/* pombal queue edit: where a message that waits goes instead. What its sender has written is never changed: neither its text nor the fields of its header. */
#include "cli/queue_edit.h"

#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/instance.h"
#include "config/config_check.h"

enum {
	SMTP_PORT = 25,
	BUSY_MS = 5000,  /* so long one waits for who is trying it */
	LOOK_MS = 100,
};

bool cli_queue_edit_server(struct slice text, struct arena *arena, struct slice *server, struct error *error)
{
	struct slice host = text;
	size_t colon = slice_find_last_char(text, ':');
	bool bracket = text.len > 0 && text.at[0] == '[';
	*server = text;
	if (text.len == 0)
		return true;
	if (colon == SLICE_NONE || (bracket && text.at[text.len - 1] == ']'))
		*server = arena_printf(arena, "%.*s:%d", SLICE_ARG(text), SMTP_PORT);
	else
		host = slice_sub(text, 0, colon);
	if (check_smarthost(*server, NULL) && host.len > 0)
		return true;
	return error_set(error, ERROR_INVALID, "\"%.*s\" is neither HOST nor HOST:PORT", SLICE_ARG(text));
}

static bool read_edit(struct command_line *line, int64_t *id, struct queue_edit *edit, struct slice *via, struct error *error)
{
	const char *to = command_value(line, "to"), *server = command_value(line, "via");
	*id = id_parse(command_argument(line, 0));
	*edit = (struct queue_edit){.address = line->count > 1 ? command_argument(line, 1) : SLICE(""), .to = SLICE("")};
	if (*id == 0)
		return error_set(error, ERROR_INVALID, "\"%s\" is not the id of a message", line->arguments[0]);
	if (to && !instance_address(line, slice_of(to), &edit->to, error))
		return false;
	if (server && !cli_queue_edit_server(slice_of(server), line->arena, via, error))
		return false;
	edit->via = server ? via : NULL;
	return true;
}

/* Of several recipients each has his own address. */
static bool names_one(struct queue *queue, int64_t id, const struct queue_edit *edit, struct arena *arena, struct error *error)
{
	struct queue_message *list;
	size_t count;
	if (edit->to.len == 0 || edit->address.len > 0)
		return true;
	if (!queue_list(queue, &(struct queue_filter){.id = id}, arena, &list, &count, error))
		return false;
	return count == 0 || list[0].recipient_count == 1 || error_set(error, ERROR_INVALID, "it waits for %zu recipients: name the one whose address is to change", list[0].recipient_count);
}

/* Who is at the message is through with it soon, and the courier gives it back when it is told to look. */
static bool change(struct command_line *line, struct queue *queue, int64_t id, const struct queue_edit *edit, struct queue_message *before, struct error *error)
{
	int64_t end = clock_monotonic_ms() + BUSY_MS;
	bool done;
	while (!(done = queue_edit(queue, id, edit, line->arena, before, error)) && error->kind == ERROR_TEMPORARY && clock_monotonic_ms() < end) {
		instance_tell_flush(line);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
	}
	return done;
}

static void note(const struct command_line *line, const struct queue_edit *edit, const struct queue_message *before)
{
	for (size_t i = 0; i < before->recipient_count; i++)
		if (edit->address.len == 0 || slice_equal_nocase(edit->address, before->recipients[i].address))
			instance_note(line, "admin.queue_edited", log_id("id", before->id), log_slice("from", before->from), log_slice("to", before->recipients[i].address),
				      log_slice("now", edit->to), log_slice("via", !edit->via ? SLICE("") : edit->via->len > 0 ? *edit->via : SLICE("its domain's servers")));
}

static bool edit_it(struct command_line *line, struct queue *queue, struct error *error)
{
	struct queue_message before;
	struct queue_edit edit;
	struct slice via;
	int64_t id;
	if (!read_edit(line, &id, &edit, &via, error) || !names_one(queue, id, &edit, line->arena, error) || !change(line, queue, id, &edit, &before, error))
		return false;
	note(line, &edit, &before);
	instance_tell_flush(line);
	puts(before.held ? "changed; it is held, and `pombal queue release` lets it go on" : "changed");
	return true;
}

int cli_queue_edit(struct command_line *line)
{
	struct error error;
	int status = COMMAND_FAILED;
	if (!command_value(line, "to") && !command_value(line, "via"))
		return command_misuse(line, "nothing is said to be changed");
	if (!instance_enter(line))
		return status;
	struct queue *queue = instance_queue(line);
	if (queue)
		status = edit_it(line, queue, &error) ? COMMAND_DONE : command_fail_with(line, &error);
	if (queue)
		queue_close(&queue);
	config_free_all();
	return status;
}

const struct command_option cli_queue_edit_options[] = {
	{"to", "ADDRESS", "its mail goes to this address instead"},
	{"via", "HOST[:PORT]", "it goes out through this server, whatever the DNS and the configuration say; an empty text: as these say"},
	{0},
};
