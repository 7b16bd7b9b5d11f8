/* pombal status, reload, stop: what the running server is asked over its control socket. */
#include "cli/commands.h"
#include "cli/instance.h"

/* More than the server takes at most: drain_time can be an hour, for the roles that talk to clients, then for the courier. */
enum { STOP_SECONDS = 3 * 3600, RELOAD_SECONDS = 2 * 3600 };

/* The configuration needn't be readable: the server says what is wrong with it. */
static int run_reload(struct command_line *line)
{
	struct buf answer = BUF(64 * 1024);
	struct error error;
	int status = COMMAND_FAILED;
	struct slice row, word, name, rest;
	if (!instance_become_owner(line))
		return status;
	if (!instance_ask_within(line, "reload", RELOAD_SECONDS, &answer, &error))
		status = command_fail_with(line, &error);
	else {
		rest = slice_trim(buf_slice(&answer));
		instance_note(line, "admin.reloaded");
		if (rest.len == 0)
			puts("no option has changed; the certificates were read again");
		for (status = COMMAND_DONE; rest.len > 0;) {
			slice_cut(rest, '\n', &row, &rest);
			slice_cut(row, ' ', &word, &row); /* "option" */
			slice_cut(row, ' ', &name, &row);
			printf("%.*s: %.*s\n", SLICE_ARG(name), SLICE_ARG(row));
		}
	}
	buf_free(&answer);
	return status;
}

static int run_stop(struct command_line *line)
{
	struct error error;
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	if (!instance_stop(line, STOP_SECONDS, &error))
		return command_fail_with(line, &error);
	instance_note(line, "admin.stopped");
	return COMMAND_DONE;
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
		json_object_set_new(object, key, slice_to_number(value, INT64_MAX, &number) ? json_integer((json_int_t)number) : cli_json_of_slice(value));
	}
	return object;
}

static int run_status(struct command_line *line)
{
	struct buf answer = BUF(64 * 1024);
	struct error error;
	int status = COMMAND_FAILED;
	if (instance_become_owner(line))
		status = instance_ask(line, "status", &answer, &error) ? COMMAND_DONE : command_fail_with(line, &error);
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

const struct command cli_server_commands[] = {
	{"status", "", "Shows the running server's processes and listeners.", run_status, NULL, 0, 0, COMMAND_JSON, ADMIN_READS},
	{"reload", "", "Makes the running server follow the configuration and certificates as they are now; says which options have changed and how that takes effect.", run_reload, NULL, 0, 0, 0, ADMIN_CHANGES},
	{"stop", "", "Stops the running server, letting sessions end what they are doing; returns when it has stopped.", run_stop, NULL, 0, 0, 0},
	{0},
};
