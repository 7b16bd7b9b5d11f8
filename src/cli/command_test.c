/* The parser of command lines: words, options, --data wherever it stands, and the exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "cli/command.h"

static struct {
	int runs, count;
	char first[64], color[64], data[64];
	bool json, quick;
} got;

static int note(struct command_line *line)
{
	const char *color = command_value(line, "color");
	got.runs++;
	got.count = line->count;
	got.json = line->json;
	got.quick = command_value(line, "quick") != NULL;
	snprintf(got.first, sizeof got.first, "%.*s", SLICE_ARG(command_argument(line, 0)));
	snprintf(got.color, sizeof got.color, "%s", color ? color : "");
	snprintf(got.data, sizeof got.data, "%s", line->data);
	return COMMAND_DONE;
}

static const struct command_option options[] = {{"color", "NAME", "which"}, {"quick", NULL, "soon"}, {0}};
static const struct command commands[] = {
	{"pigeon", "NAME", "A word.", note, options, 1, 2, COMMAND_JSON},
	{"nest add", "", "Two words.", note, NULL, 0, 0, 0},
	{"raw", "", "Takes all as it is.", note, NULL, 0, -1, COMMAND_OWN_OPTIONS},
	{0},
};
static const struct command_group groups[] = {{"All", commands}, {NULL, NULL}};

/* Runs a line of words, with what it prints thrown away. */
static int run(const char *words)
{
	char *copy = strdup(words), *argv[20] = {(char[]){"pombal"}}, *save = NULL;
	int argc = 1;
	for (char *word = strtok_r(copy, " ", &save); word && argc < 19; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	memset(&got, 0, sizeof got);
	fflush(stdout);
	fflush(stderr);
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	FILE *null = fopen("/dev/null", "w");
	dup2(fileno(null), STDOUT_FILENO);
	dup2(fileno(null), STDERR_FILENO);
	int status = command_main(groups, argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	fclose(null);
	free(copy);
	return status;
}

static void options_stand_anywhere(void **state)
{
	(void)state;
	assert_int_equal(run("pigeon --color blue Martha --quick --json"), COMMAND_DONE);
	assert_string_equal(got.first, "Martha");
	assert_string_equal(got.color, "blue");
	assert_true(got.quick && got.json);
	assert_int_equal(run("pigeon Martha --color=grey=green"), COMMAND_DONE);
	assert_string_equal(got.color, "grey=green");
	assert_int_equal(run("pigeon -- --color"), COMMAND_DONE);
	assert_string_equal(got.first, "--color");
}

static void data_stands_anywhere(void **state)
{
	(void)state;
	static const char *const lines[] = {"--data /d nest add", "nest --data /d add", "nest add --data /d", "nest add --data=/d", "--data=/d nest add"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(run(lines[i]), COMMAND_DONE);
		assert_int_equal(got.runs, 1);
		assert_string_equal(got.data, "/d");
	}
	setenv("POMBAL_DATA", "/e", 1);
	assert_int_equal(run("nest add"), COMMAND_DONE);
	assert_string_equal(got.data, "/e");
	unsetenv("POMBAL_DATA");
	assert_int_equal(run("pigeon -- --data"), COMMAND_DONE);
	assert_string_equal(got.first, "--data");
}

static void mistakes_are_misuse(void **state)
{
	(void)state;
	static const char *const lines[] = {"", "crow", "nest", "nest remove", "pigeon", "pigeon a b c", "pigeon a --colour x", "pigeon a --color",
					    "pigeon a --quick=yes", "nest add --json", "--data", "nest add --data", "--nonsense", "pigeon -x a"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		if (run(lines[i]) != COMMAND_USAGE)
			fail_msg("\"%s\" was not refused", lines[i]);
		assert_int_equal(got.runs, 0);
	}
}

static void help_is_no_run(void **state)
{
	(void)state;
	static const char *const lines[] = {"--help", "help", "nest --help", "pigeon --help", "pigeon a --help", "nest add -h", "--version"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(run(lines[i]), COMMAND_DONE);
		assert_int_equal(got.runs, 0);
	}
}

static void own_options_are_left_alone(void **state)
{
	(void)state;
	assert_int_equal(run("raw -t --color x -- y"), COMMAND_DONE);
	assert_int_equal(got.count, 5);
	assert_string_equal(got.first, "-t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere), cmocka_unit_test(data_stands_anywhere),
		cmocka_unit_test(mistakes_are_misuse),	  cmocka_unit_test(help_is_no_run),
		cmocka_unit_test(own_options_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
