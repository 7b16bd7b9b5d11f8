/* pombal status, reload, stop: what the running server is asked over its control socket. */
#include "cli/commands.h"
#include "cli/instance.h"

static int ask(struct command_line *line, const char *request, struct buf *answer)
{
	struct error error;
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	return instance_ask(line, request, answer, &error) ? COMMAND_DONE : command_fail(line, "%s", error.text);
}

static int run_simple(struct command_line *line)
{
	struct buf answer = BUF(4096);
	int status = ask(line, line->command->name, &answer);
	buf_free(&answer);
	return status;
}

/* "role smtp pid 12 state ready": names and values by turns. */
static json_t *json_of_words(struct slice line)
{
	json_t *object = json_object();
	struct slice name, value;
	while (line.len > 0) {
		uint64_t number;
		slice_cut(line, ' ', &name, &line);
		slice_cut(line, ' ', &value, &line);
		char key[32];
		snprintf(key, sizeof key, "%.*s", SLICE_ARG(name));
		json_object_set_new(object, key, slice_to_number(value, INT64_MAX, &number) ? json_integer((json_int_t)number) : json_of_slice(value));
	}
	return object;
}

static int run_status(struct command_line *line)
{
	struct buf answer = BUF(64 * 1024);
	int status = ask(line, "status", &answer);
	struct slice row, rest = slice_trim(buf_slice(&answer));
	json_t *list = json_array();
	while (status == COMMAND_DONE && rest.len > 0) {
		slice_cut(rest, '\n', &row, &rest);
		if (line->json)
			json_array_append_new(list, json_of_words(row));
		else
			printf("%.*s\n", SLICE_ARG(row));
	}
	if (status == COMMAND_DONE && line->json)
		command_print_json(list);
	else
		json_decref(list);
	buf_free(&answer);
	return status;
}

const struct command server_commands[] = {
	{"status", "", "Shows the running server's processes and listeners.", run_status, NULL, 0, 0, COMMAND_JSON},
	{"reload", "", "Makes the running server follow the configuration and certificates as they are now.", run_simple, NULL, 0, 0, 0},
	{"stop", "", "Stops the running server, letting sessions end what they are doing.", run_simple, NULL, 0, 0, 0},
	{0},
};
