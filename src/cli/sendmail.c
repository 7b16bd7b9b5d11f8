/* pombal sendmail: sendmail(8) for the programs of this machine. Root's and the owner's letters go straight into the queue, so that
 * works while the server is down, too; those of others are handed to the server (sendmail_remote.c). Options that mean nothing here are taken without a word, as programs give them out of habit. */
#include "cli/sendmail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "message/address.h"

enum { SENDMAIL_HEADER_ROOM = 64 * 1024 };

/* ---- Options ---- */

struct options {
	const char *sender; /* -f */
	const char *name;   /* -F */
	const char *notify; /* -N */
	bool from_header, ignore_dots, list, flush;
	bool aliases; /* -bi, newaliases(1): aliases are never out of date here */
	char **recipients;
	int recipient_count;
};

/* What Postfix's sendmail(1) takes, and Sendmail's -d. What stands for nothing here is taken, too; the rest is a mistake, and a letter that
 * was sent in spite of one isn't had back. */
static bool is_option(char letter) { return strchr("ABCFGILNORUVXbcdefhimnopqrtv", letter) != NULL; }
/* Letters that take a value, in the word or the next one. */
static bool takes_value(char letter) { return strchr("fFrNRBhLOoVXACbedpq", letter) != NULL; }
/* Of these, the ones whose value can't be the next word. */
static bool value_is_attached(char letter) { return strchr("obedpqA", letter) != NULL; }

static int set_option(struct command_line *line, struct options *options, char letter, const char *value)
{
	switch (letter) {
	case 'f':
	case 'r':
		options->sender = value;
		break;
	case 'F':
		options->name = value;
		break;
	case 'N':
		options->notify = value;
		break;
	case 't':
		options->from_header = true;
		break;
	case 'i':
		options->ignore_dots = true;
		break;
	case 'o':
		options->ignore_dots |= value[0] == 'i';
		break;
	case 'q':
		options->flush = true;
		break;
	case 'b':
		options->list = value[0] == 'p';
		options->aliases = value[0] == 'i';
		if (value[0] != 'p' && value[0] != 'm' && value[0] != 'i')
			return command_misuse(line, "-b%s isn't known here", value);
		break;
	default:
		break;
	}
	return COMMAND_DONE;
}

/* One word of options: several letters, of which the last may take a value. *used: the next word was that value. */
static int read_word(struct command_line *line, struct options *options, const char *word, const char *next, bool *used)
{
	int status = COMMAND_DONE;
	for (const char *at = word + 1; *at && status == COMMAND_DONE; at++) {
		if (!is_option(*at))
			return command_misuse(line, "unknown option %s", word);
		if (!takes_value(*at)) {
			status = set_option(line, options, *at, "");
			continue;
		}
		const char *value = at + 1;
		if (*value == '\0' && !value_is_attached(*at)) {
			if (!next)
				return command_misuse(line, "-%c needs a value", *at);
			value = next;
			*used = true;
		}
		return set_option(line, options, *at, value);
	}
	return status;
}

static int read_options(struct command_line *line, struct options *options)
{
	char **words = line->arguments;
	options->recipients = words;
	bool ended = false;
	for (int i = 0; i < line->count; i++) {
		bool used = false;
		if (ended || words[i][0] != '-' || words[i][1] == '\0') {
			options->recipients[options->recipient_count++] = words[i];
			continue;
		}
		ended = slice_equal(slice_of(words[i]), SLICE("--"));
		int status = ended ? COMMAND_DONE : read_word(line, options, words[i], i + 1 < line->count ? words[i + 1] : NULL, &used);
		if (status != COMMAND_DONE)
			return status;
		i += used;
	}
	return COMMAND_DONE;
}

static unsigned read_notify(const char *text)
{
	static const struct {
		const char *name;
		unsigned flag;
	} names[] = {{"never", NOTIFY_NEVER}, {"success", NOTIFY_SUCCESS}, {"failure", NOTIFY_FAILURE}, {"delay", NOTIFY_DELAY}};
	unsigned flags = 0;
	struct slice word, rest = slice_of(text);
	for (bool more = rest.len > 0; more;) {
		more = slice_cut(rest, ',', &word, &rest);
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (slice_equal_nocase(word, slice_of(names[i].name)))
				flags |= names[i].flag;
	}
	return flags;
}

/* ---- The job ---- */

/* Unqualified names mean the first of our domains. */
static struct slice default_domain(const struct command_line *line, struct directory *directory)
{
	struct auth_domain_entry *list;
	size_t count;
	struct error error;
	if (directory_list_domains(directory, line->arena, &list, &count, &error))
		for (size_t i = 0; i < count; i++)
			if (list[i].alias_of.len == 0)
				return list[i].name;
	return slice_of(config_current()->hostname);
}

static bool set_sender(struct cli_sendmail_job *job, const char *asked, struct error *error)
{
	struct slice text = asked ? slice_of(asked) : slice_of(job->user), address;
	if (asked && (text.len == 0 || slice_equal(text, SLICE("<>"))))
		return true;
	if (text.len > 2 && text.at[0] == '<' && text.at[text.len - 1] == '>')
		text = slice_sub(text, 1, text.len - 2);
	struct error cause;
	if (!address_parse(cli_sendmail_qualify(job, text), true, job->arena, &address, &cause))
		return error_set(error, ERROR_INVALID, "sender \"%.*s\": %s", SLICE_ARG(text), cause.text);
	job->sender = address;
	return true;
}

static bool read_letter(struct buf *raw, struct error *error)
{
	for (;;) {
		char bytes[65536];
		ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, errno, "reading the letter");
		if (got == 0)
			return true;
		if (!buf_append(raw, slice_make(bytes, (size_t)got)))
			return error_set(error, ERROR_LIMIT, "the letter is larger than max_message allows");
	}
}

/* Programs report to the users they run as (cron: to root): who has no account here is the postmaster. */
static void replace_system_user(const struct cli_sendmail_job *job, struct slice *recipient)
{
	size_t at = slice_find_last_char(*recipient, '@');
	if (slice_equal_nocase(slice_skip(*recipient, at + 1), job->domain) && getpwnam(arena_text(job->arena, slice_sub(*recipient, 0, at))))
		*recipient = cli_sendmail_qualify(job, SLICE("postmaster"));
}

/* Who is told at once needs no report by mail. */
static bool check_recipients(const struct cli_sendmail_job *job, struct directory *directory, struct error *error)
{
	if (job->recipient_count == 0)
		return error_set(error, ERROR_INVALID, "there is no recipient");
	for (size_t i = 0; i < job->recipient_count; i++) {
		if (directory_recipient(directory, job->recipients[i], NULL) == RECIPIENT_UNKNOWN)
			replace_system_user(job, &job->recipients[i]);
		enum auth_recipient_kind kind = directory_recipient(directory, job->recipients[i], NULL);
		if (kind == RECIPIENT_UNKNOWN || kind == RECIPIENT_DISABLED)
			return error_set(error, ERROR_NOT_FOUND, "%.*s: %s", SLICE_ARG(job->recipients[i]),
					 kind == RECIPIENT_UNKNOWN ? "there is no such address here" : "takes no mail");
	}
	return true;
}

static bool commit(const struct command_line *line, const struct cli_sendmail_job *job, int64_t id, struct slice letter, struct error *error)
{
	struct queue_message message = {
		.id = id,
		.from = job->sender,
		.account = job->sender, /* who may write into the queue may be anybody */
		.recipients = arena_array(job->arena, job->recipient_count, sizeof *message.recipients),
		.recipient_count = job->recipient_count,
		.body = slice_is_ascii(letter) ? BODY_7BIT : BODY_8BITMIME,
		.smtputf8 = !slice_is_ascii(job->sender),
		.client = arena_printf(job->arena, "%s (sendmail)", job->user),
		.arrived = clock_now(),
		.size = letter.len,
	};
	for (size_t i = 0; i < job->recipient_count; i++) {
		message.recipients[i] = (struct queue_recipient){.address = job->recipients[i], .notify = job->notify};
		message.smtputf8 |= !slice_is_ascii(job->recipients[i]);
	}
	struct queue *queue = queue_open(line->data, QUEUE_PERSON, error);
	if (!queue)
		return false;
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	bool done = queue_draft_write(draft, letter, error);
	if (!done)
		queue_draft_abort(&draft);
	done = done && queue_commit(queue, &draft, &message, error);
	queue_close(&queue);
	return done;
}

/* The event file is the running server's, or that of the next one. */
static void log_accepted(const struct command_line *line, const struct cli_sendmail_job *job, int64_t id, size_t size, struct slice message_id)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/log/events.log", line->data);
	log_set_role("sendmail", LOG_LEVEL_WARNING);
	log_set_file(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	log_info("message.accepted", log_id("id", id), log_slice("from", job->sender), log_slice("to", job->recipients[0]),
		 log_number("recipients", (int64_t)job->recipient_count), log_number("size", (int64_t)size), log_text("client", job->user),
		 log_slice("msgid", message_id));
	for (size_t i = 1; i < job->recipient_count; i++)
		log_info("message.recipient", log_id("id", id), log_slice("to", job->recipients[i]));
	log_set_file(-1);
}

static void tell_cut(const struct cli_sendmail_job *job)
{
	if (job->cut > 0)
		fprintf(stderr, "pombal sendmail: a line with only a dot ended the letter; %zu bytes behind it were not sent (-i sends all)\n", job->cut);
}

static bool send_letter(struct command_line *line, struct cli_sendmail_job *job, struct directory *directory, struct error *error)
{
	size_t most = (size_t)config_current()->max_message;
	struct buf raw = BUF(most), letter = BUF(most + SENDMAIL_HEADER_ROOM);
	struct slice message_id = {NULL, 0};
	int64_t id = id_new();
	bool done = read_letter(&raw, error) && cli_sendmail_make_letter(job, id, buf_slice(&raw), &letter, &message_id, error) &&
		    check_recipients(job, directory, error) && commit(line, job, id, buf_slice(&letter), error);
	if (done)
		log_accepted(line, job, id, letter.len, message_id);
	if (done)
		tell_cut(job);
	buf_free(&raw);
	buf_free(&letter);
	return done;
}

/* What of the job doesn't depend on who asks. */
static bool finish_job(struct cli_sendmail_job *job, const struct options *options, struct error *error)
{
	job->full_name = slice_of(options->name);
	job->from_header = options->from_header;
	job->dots = !options->ignore_dots;
	job->notify = options->notify ? read_notify(options->notify) : 0;
	for (size_t i = 0; i < job->full_name.len; i++)
		if ((unsigned char)job->full_name.at[i] < ' ')
			return error_set(error, ERROR_INVALID, "-F holds a control character");
	if (!set_sender(job, options->sender, error))
		return false;
	for (int i = 0; i < options->recipient_count; i++)
		if (!cli_sendmail_add_recipient(job, slice_of(options->recipients[i]), error))
			return false;
	return true;
}

static bool make_job(struct command_line *line, const struct options *options, struct directory *directory, const char *user,
		     struct cli_sendmail_job *job, struct error *error)
{
	*job = (struct cli_sendmail_job){
		.arena = line->arena,
		.domain = default_domain(line, directory),
		.hostname = slice_of(config_current()->hostname),
		.user = user,
	};
	return finish_job(job, options, error);
}

static int run_other(struct command_line *line, const char *name)
{
	for (const struct command *command = cli_queue_commands; command->name; command++)
		if (slice_equal(slice_of(command->name), slice_of(name))) {
			line->command = command;
			line->count = 0;
			return command->run(line);
		}
	return COMMAND_FAILED;
}

/* An empty queue is told in the words that programs which watch mailq's output look for. */
static int list_queue(struct command_line *line)
{
	struct error error;
	uint64_t messages, recipients;
	struct queue *queue = instance_enter(line) ? instance_queue(line) : NULL;
	bool known = queue && queue_count(queue, &messages, &recipients, &error);
	bool opened = queue != NULL;
	queue_close(&queue);
	config_free_all();
	if (!opened)
		return COMMAND_FAILED;
	if (line->json || !known || messages > 0) /* if it can't be counted, listing it says why */
		return run_other(line, "queue list");
	puts("Mail queue is empty");
	return COMMAND_DONE;
}

/* ---- For who may not look into the data directory ---- */

static bool make_handed_over(struct cli_sendmail_job *job, void *context, struct buf *letter, struct error *error)
{
	struct buf raw = BUF(SENDMAIL_LETTER_MAX);
	struct slice message_id = {NULL, 0};
	bool done = finish_job(job, context, error) && read_letter(&raw, error) &&
		    cli_sendmail_make_letter(job, id_new(), buf_slice(&raw), letter, &message_id, error) &&
		    (job->recipient_count > 0 || error_set(error, ERROR_INVALID, "there is no recipient"));
	buf_free(&raw);
	return done;
}

static int hand_over(struct command_line *line, struct options *options)
{
	struct cli_sendmail_job job = {.arena = line->arena};
	struct error error;
	if (options->list || options->flush) {
		command_fail(line, "the queue is shown to root and the owner of the instance only");
		return EX_NOPERM;
	}
	if (cli_sendmail_hand_over(&job, make_handed_over, options, &error)) {
		tell_cut(&job);
		return COMMAND_DONE;
	}
	int status = command_fail_with(line, &error);
	return error.kind == ERROR_TEMPORARY ? EX_TEMPFAIL : status;
}

/* Root, and whose the instance is. Who names one with --data that isn't there is to hear that. */
static bool has_instance(const struct command_line *line)
{
	struct stat status;
	return getuid() == 0 || (stat(line->data, &status) == 0 && status.st_uid == getuid());
}

static int run(struct command_line *line)
{
	struct options options = {0};
	struct cli_sendmail_job job;
	struct error error;
	const struct passwd *caller = getpwuid(getuid());
	const char *user = caller ? arena_text(line->arena, slice_of(caller->pw_name)) : "nobody";
	int status = read_options(line, &options);
	if (status != COMMAND_DONE)
		return EX_USAGE;
	if (options.aliases)
		return COMMAND_DONE;
	if (!has_instance(line))
		return hand_over(line, &options);
	if (options.list)
		return list_queue(line);
	if (options.flush)
		return run_other(line, "queue flush");
	if (!instance_enter(line))
		return COMMAND_FAILED;
	struct directory *directory = instance_directory(line);
	if (directory && make_job(line, &options, directory, user, &job, &error) && send_letter(line, &job, directory, &error))
		instance_tell_flush(line);
	else
		status = directory ? command_fail_with(line, &error) : COMMAND_FAILED;
	if (directory)
		directory_close(&directory);
	config_free_all();
	return status;
}

const struct command cli_sendmail_commands[] = {
	{"sendmail", "[-t] [-i] [-f SENDER] [-F NAME] [-N NOTIFY] [-bp] [RECIPIENT...]", "Sends the letter on standard input, as sendmail(8) does.", run, NULL, 0, -1,
	 COMMAND_OWN_OPTIONS},
	{0},
};
