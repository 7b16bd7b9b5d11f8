/* The file of what we have reported; see sent.h. A line that can't be read is passed over. */
#include "policy/sent.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { FIELDS = 11, FILE_MAX = POLICY_SENT_SIZE + 2 * POLICY_SENT_LINE_MAX };

static void put(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(out, (unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f ? '?' : text.at[i]);
	buf_append_char(out, '\t');
}

static void put_number(struct buf *out, int64_t number) { buf_printf(out, "%lld\t", (long long)number); }

static void put_line(struct buf *out, const struct policy_sent *sent)
{
	put_number(out, sent->when);
	put(out, slice_of(report_kind_name(sent->kind)));
	put(out, sent->domain);
	put_number(out, sent->begin);
	put_number(out, sent->end);
	put(out, sent->id);
	put(out, sent->outcome);
	put_number(out, (int64_t)sent->messages);
	put_number(out, (int64_t)sent->rows);
	put_number(out, (int64_t)sent->bytes);
	put(out, sent->addresses);
	buf_append_char(out, '\n');
}

static bool read_file(const char *path, struct buf *file, struct error *error)
{
	return file_read(path, file, error) || access(path, F_OK) != 0;
}

/* Its newer half, and the line. */
static bool renew(const char *path, struct slice line, struct error *error)
{
	struct buf file = BUF(FILE_MAX), anew = BUF(FILE_MAX);
	bool done = read_file(path, &file, error);
	struct slice half = slice_skip(buf_slice(&file), file.len / 2);
	size_t end = slice_find_char(half, '\n');
	buf_append(&anew, slice_skip(half, end == SLICE_NONE ? half.len : end + 1));
	buf_append(&anew, line);
	done = done && file_replace(path, buf_slice(&anew), 0600, error);
	buf_free(&file);
	buf_free(&anew);
	return done;
}

static bool append(const char *path, struct slice line, struct error *error)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "%s", path);
	bool done = file_write_all(fd, line, error);
	close(fd);
	return done;
}

bool policy_sent_add(const char *path, const struct policy_sent *sent, struct error *error)
{
	struct buf line = BUF(POLICY_SENT_LINE_MAX);
	struct stat status;
	put_line(&line, sent);
	bool fits = !line.overflow || error_set(error, ERROR_LIMIT, "a line about a report is too long");
	bool full = stat(path, &status) == 0 && (size_t)status.st_size + line.len > POLICY_SENT_SIZE;
	bool done = fits && (full ? renew : append)(path, buf_slice(&line), error);
	buf_free(&line);
	return done;
}

static int64_t number_of(struct slice text)
{
	uint64_t number = 0;
	slice_to_number(text, INT64_MAX, &number);
	return (int64_t)number;
}

/* False: it is cut, or of no use. */
static bool read_line(struct slice line, struct policy_sent *sent)
{
	struct slice fields[FIELDS];
	bool whole = true;
	for (size_t i = 0; i < FIELDS; i++)
		whole = slice_cut(line, '\t', &fields[i], &line) && whole;
	*sent = (struct policy_sent){.when = number_of(fields[0]), .kind = slice_equal(fields[1], SLICE("tls")) ? REPORT_TLS : REPORT_DMARC, .domain = fields[2],
				     .begin = number_of(fields[3]), .end = number_of(fields[4]), .id = fields[5], .outcome = fields[6],
				     .messages = (uint64_t)number_of(fields[7]), .rows = (uint64_t)number_of(fields[8]), .bytes = (uint64_t)number_of(fields[9]), .addresses = fields[10]};
	return whole && sent->when > 0;
}

bool policy_sent_read(const char *path, void (*each)(void *context, const struct policy_sent *sent), void *context, struct error *error)
{
	struct buf file = BUF(FILE_MAX);
	struct policy_sent sent;
	struct slice line;
	bool done = read_file(path, &file, error);
	struct slice rest = buf_slice(&file);
	while (done && rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (read_line(line, &sent))
			each(context, &sent);
	}
	buf_free(&file);
	return done;
}
