/* The file of what was reported to us; see reports.h. It is read whole for each report that comes, which are few, and replaced as a whole when
 * something is to go; else a report is added at its end with one write. */
#include "policy/reports.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"

enum {
	BLOCK_MAX = 512 * 1024,   /* bytes of a report with its rows */
	FILE_MAX = POLICY_REPORTS_SIZE + 2 * BLOCK_MAX,
	FIELD_MAX = 253,          /* bytes of a text in a row */
	KEY = 16,                 /* hexadecimal digits */
	FIELDS_MAX = 16,
	DAY_SECONDS = 24 * 3600,
};

const char *policy_report_outcome_name(enum policy_report_outcome outcome)
{
	static const char *const names[] = {"kept", "known", "too many", "failed"};
	return names[outcome];
}

/* ---- Writing ---- */

static void put(struct buf *out, struct slice text)
{
	buf_append_char(out, '\t');
	buf_append(out, slice_sub(text, 0, FIELD_MAX));
}

static void put_number(struct buf *out, int64_t number)
{
	buf_append_char(out, '\t');
	buf_append_number(out, number < 0 ? 0 : (uint64_t)number);
}

/* What makes it one report: who has sent it, with or without proof, its number, and its domain and time, should it have none. */
static void make_key(const struct policy_kept_report *kept, char key[KEY + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	struct buf text = BUF(8 * REPORT_WORD_MAX);
	put_number(&text, kept->report.kind);
	put_number(&text, kept->proved);
	put(&text, kept->author);
	put(&text, kept->report.id);
	put(&text, kept->report.domain);
	put_number(&text, kept->report.id.len > 0 ? 0 : kept->report.begin);
	EVP_Digest(text.at, text.len, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < KEY / 2; i++)
		snprintf(key + 2 * i, 3, "%02x", digest[i]);
	buf_free(&text);
}

/* One that has passed before others. */
static struct report_result best_signature(const struct report_row *row)
{
	for (size_t i = 0; i < row->signature_count; i++)
		if (slice_equal(row->signatures[i].result, SLICE("pass")))
			return row->signatures[i];
	return row->signature_count > 0 ? row->signatures[0] : (struct report_result){0};
}

static void put_row(struct buf *out, const struct report_row *row)
{
	struct report_result signature = best_signature(row);
	buf_append_text(out, "row");
	put(out, row->source);
	put_number(out, (int64_t)row->count);
	put(out, row->domain);
	put_number(out, row->passed);
	put(out, row->reason);
	put(out, slice_of(report_disposition_name(row->disposition)));
	put_number(out, row->dkim);
	put_number(out, row->spf);
	put(out, row->sender.domain);
	put(out, row->sender.result);
	put(out, signature.domain);
	put(out, signature.result);
	put(out, row->policy);
	buf_append_char(out, '\n');
}

static void put_block(struct buf *out, const struct policy_kept_report *kept, const char *key)
{
	const struct report *report = &kept->report;
	buf_append_text(out, "report");
	put_number(out, kept->received);
	put_number(out, kept->proved);
	put(out, kept->author);
	put(out, slice_of(key));
	put(out, slice_of(report_kind_name(report->kind)));
	put(out, report->reporter);
	put(out, report->id);
	put(out, report->domain);
	put_number(out, report->begin);
	put_number(out, report->end);
	put(out, report->p);
	put_number(out, (int64_t)report->left_off);
	buf_append_char(out, '\n');
	for (size_t i = 0; i < report->row_count && i < POLICY_REPORTS_ROWS; i++) {
		size_t before = out->len;
		put_row(out, &report->rows[i]);
		if (out->overflow) {
			out->len = before;
			out->overflow = false;
			return;
		}
	}
}

/* ---- Reading ---- */

/* The line's fields; those that are missing are empty. */
static void cut_fields(struct slice line, struct slice fields[FIELDS_MAX])
{
	for (size_t i = 0; i < FIELDS_MAX; i++)
		slice_cut(line, '\t', &fields[i], &line);
}

static bool next_line(struct slice *rest, struct slice *line)
{
	bool more = rest->len > 0;
	slice_cut(*rest, '\n', line, rest);
	return more;
}

static bool begins_report(struct slice line) { return slice_starts(line, SLICE("report\t")); }

static int64_t number_of(struct slice text)
{
	uint64_t number = 0;
	slice_to_number(text, INT64_MAX, &number);
	return (int64_t)number;
}

static void read_report(struct slice line, struct policy_kept_report *kept)
{
	struct slice fields[FIELDS_MAX];
	cut_fields(line, fields);
	*kept = (struct policy_kept_report){.received = number_of(fields[1]), .proved = slice_equal(fields[2], SLICE("1")), .author = fields[3]};
	kept->report = (struct report){.kind = slice_equal(fields[5], SLICE("tls")) ? REPORT_TLS : REPORT_DMARC, .reporter = fields[6], .id = fields[7], .domain = fields[8],
				       .begin = number_of(fields[9]), .end = number_of(fields[10]), .p = fields[11], .left_off = (uint64_t)number_of(fields[12])};
}

static void read_row(struct slice line, struct arena *arena, struct report *report)
{
	struct slice fields[FIELDS_MAX];
	cut_fields(line, fields);
	uint64_t count = 0;
	if (!slice_to_number(fields[2], REPORT_COUNT_MAX, &count) || count == 0)
		return;
	ARENA_GROW(arena, report->rows, report->row_count, report->row_room);
	struct report_row *row = &report->rows[report->row_count++];
	*row = (struct report_row){.source = fields[1], .count = count, .domain = fields[3], .passed = slice_equal(fields[4], SLICE("1")), .reason = fields[5],
				   .disposition = report_disposition_of(fields[6]), .dkim = slice_equal(fields[7], SLICE("1")), .spf = slice_equal(fields[8], SLICE("1")),
				   .sender = {.domain = fields[9], .result = fields[10]}, .policy = fields[13]};
	row->signatures = arena_alloc(arena, sizeof *row->signatures);
	row->signatures[0] = (struct report_result){.domain = fields[11], .result = fields[12]};
	row->signature_count = fields[11].len > 0;
}

/* False with *error if it is there and can't be read. */
static bool read_file(const char *path, struct buf *file, struct error *error)
{
	return file_read(path, file, error) || error->kind == ERROR_NOT_FOUND || access(path, F_OK) != 0;
}

bool policy_reports_read(const char *path, int64_t now, void (*each)(void *context, const struct policy_kept_report *kept), void *context, struct error *error)
{
	struct buf file = BUF(FILE_MAX);
	struct arena *arena = arena_new();
	struct policy_kept_report kept = {0};
	bool done = read_file(path, &file, error);
	struct slice rest = buf_slice(&file), line;
	for (bool more = done; more;) {
		more = next_line(&rest, &line);
		if (kept.report.row_count > 0 && (!more || begins_report(line)) && kept.received > now - (int64_t)POLICY_REPORTS_DAYS * DAY_SECONDS)
			each(context, &kept);
		if (more && begins_report(line)) {
			arena_reset(arena);
			read_report(line, &kept);
		} else if (more && slice_starts(line, SLICE("row\t")) && kept.received > 0 && kept.report.row_count < POLICY_REPORTS_ROWS) {
			read_row(line, arena, &kept.report);
		}
	}
	arena_free(&arena);
	buf_free(&file);
	return done;
}

/* ---- What is there, and what goes ---- */

struct block {
	struct slice text;    /* its lines */
	struct slice author;
	int64_t received;
	bool proved, known;   /* known: it is the one that is to be added */
};

struct blocks {
	struct arena *arena;
	struct block *at;
	size_t count, room;
};

static void find_blocks(struct blocks *blocks, struct slice file, const char *key)
{
	struct slice rest = file, line, fields[FIELDS_MAX];
	while (next_line(&rest, &line)) {
		if (begins_report(line)) {
			cut_fields(line, fields);
			ARENA_GROW(blocks->arena, blocks->at, blocks->count, blocks->room);
			blocks->at[blocks->count++] = (struct block){.text = slice_make(line.at, 0), .author = fields[3], .received = number_of(fields[1]),
								     .proved = slice_equal(fields[2], SLICE("1")), .known = slice_equal(fields[4], slice_of(key))};
		}
		if (blocks->count > 0)
			blocks->at[blocks->count - 1].text.len = (size_t)(rest.at - blocks->at[blocks->count - 1].text.at);
	}
}

/* May it stay, when `kept` bytes of those that are newer stay? */
static bool may_stay(struct blocks *blocks, struct map *shares, const struct block *block, int64_t oldest, size_t kept, size_t *unproved)
{
	size_t *share = map_get(shares, block->author), all = POLICY_REPORTS_SIZE / 2, length = block->text.len;
	if (!share) {
		share = arena_alloc(blocks->arena, sizeof *share);
		map_put(shares, block->author, share);
	}
	bool stays = block->received > oldest && kept + length <= all && *share + length <= all / POLICY_REPORTS_SHARE
		     && (block->proved || *unproved + length <= all / POLICY_REPORTS_UNPROVED);
	*share += stays ? length : 0;
	*unproved += stays && !block->proved ? length : 0;
	return stays;
}

/* Appends those that stay, oldest first. */
static void choose(struct blocks *blocks, int64_t now, struct buf *out)
{
	struct map *shares = map_new();
	size_t kept = 0, unproved = 0;
	for (size_t i = blocks->count; i-- > 0;) {
		struct block *block = &blocks->at[i];
		if (!may_stay(blocks, shares, block, now - (int64_t)POLICY_REPORTS_DAYS * DAY_SECONDS, kept, &unproved))
			block->text.len = 0;
		kept += block->text.len;
	}
	for (size_t i = 0; i < blocks->count; i++)
		buf_append(out, blocks->at[i].text);
	map_free(&shares);
}

static bool append(const char *path, struct slice block, struct error *error)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "%s", path);
	bool done = file_write_all(fd, block, error);
	close(fd);
	return done;
}

/* A month's reports too old are a reason to write it anew. */
static bool is_stale(const struct blocks *blocks, int64_t now)
{
	return blocks->count > 0 && blocks->at[0].received < now - (int64_t)(POLICY_REPORTS_DAYS + 30) * DAY_SECONDS;
}

static bool write_block(const char *path, struct blocks *blocks, struct buf *file, const struct policy_kept_report *kept, const char *key, struct error *error)
{
	struct buf block = BUF(BLOCK_MAX), anew = BUF(FILE_MAX);
	bool done;
	put_block(&block, kept, key);
	if (file->len > 0 && file->at[file->len - 1] != '\n') { /* a write that a crash has cut */
		buf_append_char(&anew, '\n');
		buf_append(&anew, buf_slice(&block));
		done = append(path, buf_slice(&anew), error);
	} else if (file->len + block.len <= POLICY_REPORTS_SIZE && !is_stale(blocks, kept->received)) {
		done = append(path, buf_slice(&block), error);
	} else {
		choose(blocks, kept->received, &anew);
		buf_append(&anew, buf_slice(&block));
		done = file_replace(path, buf_slice(&anew), 0600, error);
	}
	buf_free(&block);
	buf_free(&anew);
	return done;
}

enum policy_report_outcome policy_reports_add(const char *path, const struct policy_kept_report *kept, struct error *error)
{
	char key[KEY + 1];
	struct buf file = BUF(FILE_MAX);
	struct blocks blocks = {.arena = arena_new()};
	enum policy_report_outcome outcome = POLICY_REPORT_FAILED;
	size_t today = 0;
	bool known = false;
	make_key(kept, key);
	if (read_file(path, &file, error)) {
		find_blocks(&blocks, buf_slice(&file), key);
		for (size_t i = 0; i < blocks.count; i++) {
			known |= blocks.at[i].known;
			today += slice_equal(blocks.at[i].author, kept->author) && blocks.at[i].received > kept->received - DAY_SECONDS;
		}
		if (known)
			outcome = POLICY_REPORT_KNOWN;
		else if (today >= POLICY_REPORTS_PER_DAY)
			outcome = POLICY_REPORT_TOO_MANY;
		else if (write_block(path, &blocks, &file, kept, key, error))
			outcome = POLICY_REPORT_KEPT;
	}
	arena_free(&blocks.arena);
	buf_free(&file);
	return outcome;
}

/* ---- From a message ---- */

static void log_report(const struct policy_kept_report *kept, const char *outcome, const char *reason)
{
	log_info("report.received", log_slice("author", kept->author), log_number("proved", kept->proved), log_text("kind", report_kind_name(kept->report.kind)),
		 log_slice("reporter", kept->report.reporter), log_slice("domain", kept->report.domain), log_slice("report", kept->report.id),
		 log_number("rows", (int64_t)kept->report.row_count), log_text("outcome", outcome), log_text("reason", reason));
}

void policy_reports_take(const char *path, struct slice message, struct slice author, bool proved, int64_t now)
{
	struct arena *arena = arena_new();
	struct error error = {0};
	struct policy_kept_report kept = {.received = now, .proved = proved, .author = author.len > 0 ? author : SLICE("?")};
	if (!report_is_likely(message, arena)) {
		arena_free(&arena);
		return;
	}
	if (report_read_message(message, arena, &kept.report, &error)) {
		enum policy_report_outcome outcome = policy_reports_add(path, &kept, &error);
		log_report(&kept, policy_report_outcome_name(outcome), outcome == POLICY_REPORT_FAILED ? error.text : kept.report.fault ? kept.report.fault : "");
	} else {
		log_report(&(struct policy_kept_report){.author = kept.author, .proved = proved}, "unreadable", error.text);
	}
	arena_free(&arena);
}
