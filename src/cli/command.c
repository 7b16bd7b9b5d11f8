/* From words to commands; see command.h. */
#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/file.h"

/* ---- Finding ---- */

/* How many words of argv the name takes, 0 if it doesn't match. */
static int matches(const char *name, int argc, char **argv)
{
	struct slice word, rest = slice_of(name);
	int count = 0;
	for (bool more = true; more; count++) {
		more = slice_cut(rest, ' ', &word, &rest);
		if (count >= argc || !slice_equal(word, slice_of(argv[count])))
			return 0;
	}
	return count;
}

static const struct command *find(const struct command_group *groups, int argc, char **argv, int *words)
{
	for (; groups->commands; groups++)
		for (const struct command *command = groups->commands; command->name; command++)
			if ((*words = matches(command->name, argc, argv)) > 0)
				return command;
	return NULL;
}

/* ---- Help ---- */

static void print_usage_line(FILE *out, const struct command *command)
{
	fprintf(out, "pombal %s%s%s%s%s", command->name, command->flags & COMMAND_NO_DATA ? "" : " [--data DIR]",
		command->flags & COMMAND_JSON ? " [--json]" : "", command->arguments[0] ? " " : "", command->arguments);
	for (const struct command_option *option = command->options; option && option->name; option++)
		fprintf(out, option->argument ? " [--%s %s]" : " [--%s]", option->name, option->argument);
	fputc('\n', out);
}

static void print_command_help(const struct command *command)
{
	printf("usage: ");
	print_usage_line(stdout, command);
	printf("\n%s\n", command->summary);
	if (command->options && command->options->name)
		printf("\n");
	for (const struct command_option *option = command->options; option && option->name; option++) {
		char name[48];
		snprintf(name, sizeof name, "--%s%s%s", option->name, option->argument ? " " : "", option->argument ? option->argument : "");
		printf("  %-22s %s\n", name, option->doc);
	}
}

/* `prefix` limits it to commands that begin with that word ("account"); NULL: all. */
static void print_help(FILE *out, const struct command_group *groups, const char *prefix)
{
	fprintf(out, "usage: pombal [--data DIR] COMMAND [ARGUMENTS]\n");
	for (; groups->commands; groups++) {
		bool titled = false;
		for (const struct command *command = groups->commands; command->name; command++) {
			struct slice first, rest;
			slice_cut(slice_of(command->name), ' ', &first, &rest);
			if ((command->flags & COMMAND_HIDDEN) || (prefix && !slice_equal(first, slice_of(prefix))))
				continue;
			if (!titled && groups->title[0])
				fprintf(out, "\n%s\n", groups->title);
			titled = true;
			fprintf(out, "  %-27s  %s\n", command->name, command->summary);
		}
	}
	fprintf(out, "\n--data names the data directory (or the environment variable POMBAL_DATA; default /var/lib/pombal).\n"
		     "`pombal COMMAND --help` tells more.\n");
}

/* ---- Parsing ---- */

static bool is_word(const char *text, const char *other) { return slice_equal(slice_of(text), slice_of(other)); }

static int set_option(struct command_line *line, const char *text, char ***next)
{
	struct slice name, value;
	bool has_value = slice_cut(slice_of(text), '=', &name, &value);
	const struct command_option *option = line->command->options;
	for (int i = 0; option && option[i].name; i++) {
		if (!slice_equal(name, slice_of(option[i].name)))
			continue;
		if (!option[i].argument && has_value)
			return command_misuse(line, "--%s takes no value", option[i].name);
		if (option[i].argument && !has_value && !**next)
			return command_misuse(line, "--%s needs a value: %s", option[i].name, option[i].argument);
		if (line->values[i] && !option[i].many)
			return command_misuse(line, "--%s is given twice", option[i].name);
		const char *given = !option[i].argument ? "" : has_value ? value.at : *(*next)++;
		line->values[i] = line->values[i] ? arena_printf(line->arena, "%s\n%s", line->values[i], given).at : given;
		return COMMAND_DONE;
	}
	return command_misuse(line, "unknown option --%.*s", SLICE_ARG(name));
}

/* `argv` begins after the command's name, and is rewritten to hold the positional arguments. */
static int parse(struct command_line *line, char **argv, bool *help)
{
	bool options = true;
	int status = COMMAND_DONE;
	line->arguments = argv;
	for (char **next = argv; *next && status == COMMAND_DONE;) {
		char *word = *next++;
		if (options && is_word(word, "--"))
			options = false;
		else if (options && (is_word(word, "--help") || is_word(word, "-h")))
			*help = true;
		else if (options && slice_starts(slice_of(word), SLICE("--"))) {
			if (is_word(word, "--json") && line->command->flags & COMMAND_JSON)
				line->json = true;
			else
				status = set_option(line, word + 2, &next);
		} else if (options && word[0] == '-' && word[1] != '\0')
			status = command_misuse(line, "unknown option %s", word);
		else
			argv[line->count++] = word;
	}
	if (status == COMMAND_DONE && !*help && line->count < line->command->least)
		status = command_misuse(line, "too few arguments: it takes %s", line->command->arguments);
	if (status == COMMAND_DONE && !*help && line->command->most >= 0 && line->count > line->command->most)
		status = command_misuse(line, "too many arguments: %s", line->arguments[line->command->most]);
	return status;
}

static int run(struct command_line *line, char **argv)
{
	bool help = false;
	int status = COMMAND_DONE;
	if (line->command->flags & COMMAND_OWN_OPTIONS) {
		line->arguments = argv;
		while (argv[line->count])
			line->count++;
		help = line->count == 1 && is_word(argv[0], "--help");
	} else
		status = parse(line, argv, &help);
	if (help && status == COMMAND_DONE)
		print_command_help(line->command);
	else if (status == COMMAND_DONE)
		status = line->command->run(line);
	return status;
}

static const char *default_data(void)
{
	const char *data = getenv("POMBAL_DATA");
	return data && data[0] ? data : COMMAND_DATA;
}

/* Takes --data DIR out of the words, wherever it stands before "--". False: its value is missing. */
static bool take_data(struct command_line *line, int *argc, char **argv)
{
	int kept = 0, at = 0;
	for (; at < *argc && !is_word(argv[at], "--"); at++) {
		if (slice_starts(slice_of(argv[at]), SLICE("--data=")))
			line->data = argv[at] + 7;
		else if (!is_word(argv[at], "--data"))
			argv[kept++] = argv[at];
		else if (++at < *argc)
			line->data = argv[at];
		else
			return false;
	}
	while (at < *argc)
		argv[kept++] = argv[at++];
	argv[kept] = NULL;
	*argc = kept;
	return true;
}

/* What stands before any command: --help, --version, or nonsense. */
static int leading_option(const struct command_group *groups, const char *word)
{
	if (is_word(word, "--help") || is_word(word, "-h"))
		print_help(stdout, groups, NULL);
	else if (is_word(word, "--version"))
		puts("pombal " POMBAL_VERSION);
	else {
		fprintf(stderr, "pombal: unknown option %s (see pombal --help)\n", word);
		return COMMAND_USAGE;
	}
	return COMMAND_DONE;
}

static int unknown(const struct command_group *groups, int argc, char **argv)
{
	bool asked = argc > 0 && (is_word(argv[argc - 1], "--help") || is_word(argv[0], "help"));
	if (argc > 0 && !is_word(argv[0], "help"))
		for (const struct command_group *group = groups; group->commands; group++)
			for (const struct command *command = group->commands; command->name; command++) {
				struct slice first, rest;
				if (slice_cut(slice_of(command->name), ' ', &first, &rest) && slice_equal(first, slice_of(argv[0]))) {
					print_help(asked ? stdout : stderr, groups, argv[0]);
					return asked ? COMMAND_DONE : COMMAND_USAGE;
				}
			}
	if (argc > 0 && !asked)
		fprintf(stderr, "pombal: no command \"%s\" (see pombal --help)\n", argv[0]);
	else
		print_help(asked ? stdout : stderr, groups, NULL);
	return asked ? COMMAND_DONE : COMMAND_USAGE;
}

int command_main(const struct command_group *groups, int argc, char **argv)
{
	struct command_line line = {.groups = groups, .data = default_data(), .user = getuid()};
	int status = COMMAND_DONE, words;
	argc--;
	argv++;
	if (!take_data(&line, &argc, argv)) {
		fprintf(stderr, "pombal: --data needs a value: DIR\n");
		return COMMAND_USAGE;
	}
	if (argc > 0 && argv[0][0] == '-')
		return leading_option(groups, argv[0]);
	line.command = find(groups, argc, argv, &words);
	if (!line.command)
		return unknown(groups, argc, argv);
	line.arena = arena_new();
	status = run(&line, argv + words);
	arena_free(&line.arena);
	if (fflush(stdout) != 0 && status == COMMAND_DONE) /* a full disk behind the pipe, say */
		status = COMMAND_FAILED;
	return status;
}

/* ---- For the commands ---- */

const char *command_value(const struct command_line *line, const char *option)
{
	for (int i = 0; line->command->options && line->command->options[i].name; i++)
		if (is_word(line->command->options[i].name, option))
			return line->values[i];
	return NULL;
}

bool command_has_options(const struct command_line *line)
{
	bool any = false;
	for (int i = 0; line->command->options && line->command->options[i].name; i++)
		any |= line->values[i] != NULL;
	return any;
}

struct slice command_argument(const struct command_line *line, int index)
{
	return slice_of(index < line->count ? line->arguments[index] : NULL);
}

static void complain(const struct command_line *line, const char *format, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "pombal %s: ", line->command->name);
	vfprintf(stderr, format, args);
}

int command_fail(const struct command_line *line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complain(line, format, args);
	va_end(args);
	fputc('\n', stderr);
	return COMMAND_FAILED;
}

int command_fail_with(const struct command_line *line, const struct error *error)
{
	if (line->caller)
		line->caller->failure = error->kind;
	return command_fail(line, "%s", error->text);
}

int command_misuse(const struct command_line *line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complain(line, format, args);
	va_end(args);
	fprintf(stderr, " (see pombal %s --help)\n", line->command->name);
	return COMMAND_USAGE;
}

static bool read_input(struct buf *out, struct error *error)
{
	enum { PIECE = 16384 };
	for (;;) {
		char *at = buf_reserve(out, PIECE);
		if (!at)
			return error_set(error, ERROR_LIMIT, "standard input holds more than %zu bytes", out->max);
		ssize_t got = read(STDIN_FILENO, at, PIECE);
		if (got < 0 && errno != EINTR)
			return error_set_errno(error, errno, "standard input");
		if (got == 0)
			return true;
		buf_claim(out, got > 0 ? (size_t)got : 0);
	}
}

bool command_read_file(const struct command_line *line, const char *path, struct buf *out, struct error *error)
{
	if (is_word(path, "-"))
		return read_input(out, error);
	if (line->caller)
		return error_set(error, ERROR_DENIED, "no file of the server can be named: the file is \"-\", and stands in input");
	return file_read(path, out, error);
}

bool command_number(const struct command_line *line, const char *option, uint64_t most, uint64_t otherwise, uint64_t *number, struct error *error)
{
	const char *text = command_value(line, option);
	*number = otherwise;
	return !text || (slice_to_number(slice_of(text), most, number) && *number > 0) ||
	       error_set(error, ERROR_INVALID, "--%s: \"%s\" is not a number from 1 to %llu", option, text, (unsigned long long)most);
}
