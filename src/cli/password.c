/* Asking for a password; see password.h. */
#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/config.h"
#include "message/address.h"

/* One line without its end; a last line may lack it. */
static bool read_line(int fd, struct buf *out, struct error *error)
{
	for (char c;;) {
		ssize_t got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, errno, "reading the password");
		if (got == 0 || c == '\n')
			break;
		if (!buf_append_char(out, c))
			return error_set(error, ERROR_LIMIT, "a password has at most %d bytes", PASSWORD_MAX);
	}
	if (out->len > 0 && out->at[out->len - 1] == '\r')
		out->len--;
	return out->len > 0 || error_set(error, ERROR_INVALID, "the password is empty");
}

static bool prompt(int terminal, const char *question, struct buf *out, struct error *error)
{
	struct termios shown, hidden;
	if (tcgetattr(terminal, &shown) != 0)
		return error_set_errno(error, errno, "the terminal");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(terminal, TCSAFLUSH, &hidden); /* before the question: who answers at once isn't shown, and isn't lost */
	dprintf(terminal, "%s: ", question);
	bool done = read_line(terminal, out, error);
	tcsetattr(terminal, TCSAFLUSH, &shown);
	dprintf(terminal, "\n");
	return done;
}

static bool prompt_twice(struct buf *out, struct error *error)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0)
		return error_set(error, ERROR_INVALID, "there is no terminal to ask for a password: use --password-stdin");
	struct buf again = BUF(PASSWORD_MAX);
	bool done = prompt(terminal, "Password", out, error) && prompt(terminal, "The same again", &again, error) &&
		    (slice_equal(buf_slice(out), buf_slice(&again)) || error_set(error, ERROR_INVALID, "the two are not the same"));
	buf_free_secret(&again);
	close(terminal);
	return done;
}

static int64_t count_characters(struct slice text)
{
	int64_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
	return count;
}

bool cli_password_is_good(struct slice password, struct slice account, struct error *error)
{
	struct slice local, domain;
	address_split(account, &local, &domain);
	if (slice_equal_nocase(password, account) || slice_equal_nocase(password, local))
		return error_set(error, ERROR_INVALID, "the password is the account's own name, which everybody knows");
	int64_t least = config_current()->password_minimum;
	return count_characters(password) >= least ||
	       error_set(error, ERROR_INVALID, "the password is too short: it must have %lld characters at least (option password_minimum)", (long long)least);
}

bool cli_password_ask(const struct command_line *line, struct slice account, struct buf *out, struct error *error)
{
	return (command_value(line, "password-stdin") ? read_line(STDIN_FILENO, out, error) : prompt_twice(out, error)) &&
	       cli_password_is_good(buf_slice(out), account, error);
}

bool cli_password_read_line(struct buf *out, struct error *error)
{
	return read_line(STDIN_FILENO, out, error);
}
