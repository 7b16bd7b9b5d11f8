/* Counting what is to be reported; see tally.h. A row's text is its key, and a line of the file but for its count, so nothing is kept twice. In
 * the file stand: "period BEGIN LEFT", then for each domain "domain KIND NAME LEFT policy…", followed by its "row COUNT text…"; fields are
 * separated by tabs. */
#include "policy/tally.h"

#include "base/array.h"
#include "base/memory.h"

enum { LINE_MAX = 8 * 1024, OWN_FIELDS = 10 /* before signatures */, FIELDS_MAX = OWN_FIELDS + 3 * POLICY_TALLY_SIGNATURES_MAX, POLICY_FIELDS = 7, ROW_OVERHEAD = 100 /* bytes of memory beside its text */ };

void policy_tally_begin(struct policy_tally *tally, int64_t begin)
{
	*tally = (struct policy_tally){.arena = arena_new(), .index = map_new(), .begin = begin};
}

static void free_rows(struct policy_told *told)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	while (map_next(told->rows, &cursor, &key, &value))
		free(value);
	map_free(&told->rows);
	buf_free(&told->policy);
}

void policy_tally_end(struct policy_tally *tally)
{
	for (size_t i = 0; i < tally->count; i++)
		free_rows(tally->told[i]);
	if (tally->index)
		map_free(&tally->index);
	arena_free(&tally->arena);
	*tally = (struct policy_tally){0};
}

/* ---- Texts ---- */

static void put_first(struct buf *out, struct slice text, size_t most)
{
	text = slice_sub(text, 0, most);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		buf_append_char(out, c < ' ' || c == 0x7f ? '?' : ascii_lower((char)c));
	}
}

static void put(struct buf *out, struct slice text)
{
	buf_append_char(out, '\t');
	put_first(out, text, POLICY_TALLY_WORD_MAX);
}

static void put_flag(struct buf *out, bool flag) { put(out, flag ? SLICE("1") : SLICE("0")); }

/* Whole URIs: one that is cut would be another. */
static void put_rua(struct buf *out, struct slice rua)
{
	if (rua.len > POLICY_TALLY_RUA_MAX) {
		size_t comma = slice_find_last_char(slice_sub(rua, 0, POLICY_TALLY_RUA_MAX), ',');
		rua.len = comma == SLICE_NONE ? 0 : comma;
	}
	buf_append_char(out, '\t');
	for (size_t i = 0; i < rua.len; i++)
		buf_append_char(out, (unsigned char)rua.at[i] < ' ' || rua.at[i] == 0x7f ? '?' : rua.at[i]); /* local parts may have capitals */
}

static void put_policy(struct buf *out, const struct report *report, struct slice rua)
{
	put_first(out, report->p, POLICY_TALLY_WORD_MAX);
	put(out, report->sp);
	put(out, report->np);
	put(out, report->adkim);
	put(out, report->aspf);
	put(out, report->testing);
	put_rua(out, rua);
}

static void put_message(struct buf *out, const struct report_row *row)
{
	put_first(out, row->source, POLICY_TALLY_WORD_MAX);
	put(out, row->domain);
	put(out, row->envelope);
	put(out, slice_of(report_disposition_name(row->disposition)));
	put_flag(out, row->dkim);
	put_flag(out, row->spf);
	put(out, row->reason);
	put(out, row->comment);
	put(out, row->sender.domain);
	put(out, row->sender.result);
	for (size_t i = 0; i < row->signature_count && i < POLICY_TALLY_SIGNATURES_MAX; i++) {
		put(out, row->signatures[i].domain);
		put(out, row->signatures[i].selector);
		put(out, row->signatures[i].result);
	}
}

/* The policy first, so that rows of the same one follow one another. */
static void put_session(struct buf *out, const struct report_row *row)
{
	put_first(out, row->policy, POLICY_TALLY_WORD_MAX);
	put_flag(out, row->passed);
	put(out, row->reason);
	put(out, row->source);
	put(out, row->address);
}

/* ---- Counting ---- */

static struct policy_told *find_domain(struct policy_tally *tally, enum report_kind kind, struct slice domain)
{
	struct buf key = BUF(LINE_MAX);
	buf_append_text(&key, report_kind_name(kind));
	put(&key, domain);
	struct policy_told *told = map_get(tally->index, buf_slice(&key));
	if (!told && tally->count < POLICY_TALLY_DOMAINS_MAX) {
		told = arena_alloc(tally->arena, sizeof *told);
		*told = (struct policy_told){.kind = kind, .domain = arena_copy(tally->arena, slice_skip(buf_slice(&key), strlen(report_kind_name(kind)) + 1)),
					     .policy = BUF(LINE_MAX), .rows = map_new()};
		map_put(tally->index, buf_slice(&key), told);
		ARENA_GROW(tally->arena, tally->told, tally->count, tally->room);
		tally->told[tally->count++] = told;
	}
	buf_free(&key);
	return told;
}

static void add_to(uint64_t *sum, uint64_t count) { *sum = *sum + count < REPORT_COUNT_MAX ? *sum + count : REPORT_COUNT_MAX; }

static void add_row(struct policy_tally *tally, struct policy_told *told, struct slice text, uint64_t count)
{
	uint64_t *sum = map_get(told->rows, text);
	size_t bytes = text.len + ROW_OVERHEAD;
	if (!sum && (map_count(told->rows) == POLICY_TALLY_ROWS_MAX || tally->bytes + bytes > POLICY_TALLY_SIZE_MAX)) {
		add_to(&told->left_off, count);
		return;
	}
	if (!sum) {
		sum = memory_new(sizeof *sum);
		map_put(told->rows, text, sum);
		tally->bytes += bytes;
	}
	add_to(sum, count);
}

void policy_tally_add(struct policy_tally *tally, const struct report *report, struct slice rua, const struct report_row *row)
{
	struct buf text = BUF(LINE_MAX);
	struct policy_told *told = find_domain(tally, report->kind, report->domain);
	if (!told) {
		add_to(&tally->left_off, row->count);
		return;
	}
	buf_clear(&told->policy);
	put_policy(&told->policy, report, rua);
	(report->kind == REPORT_TLS ? put_session : put_message)(&text, row);
	add_row(tally, told, buf_slice(&text), row->count);
	buf_free(&text);
}

uint64_t policy_tally_sum(const struct policy_told *told)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	uint64_t sum = told->left_off;
	while (map_next(told->rows, &cursor, &key, &value))
		add_to(&sum, *(uint64_t *)value);
	return sum;
}

/* ---- The file ---- */

static void write_domain(const struct policy_told *told, struct buf *out)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	buf_printf(out, "domain\t%s\t%.*s\t%llu\t%.*s\n", report_kind_name(told->kind), SLICE_ARG(told->domain), (unsigned long long)told->left_off,
		   SLICE_ARG(buf_slice(&told->policy)));
	while (map_next(told->rows, &cursor, &key, &value)) {
		buf_printf(out, "row\t%llu\t", (unsigned long long)*(uint64_t *)value);
		buf_append(out, key);
		buf_append_char(out, '\n');
	}
}

bool policy_tally_write(const struct policy_tally *tally, struct buf *out)
{
	buf_printf(out, "period\t%lld\t%llu\n", (long long)tally->begin, (unsigned long long)tally->left_off);
	for (size_t i = 0; i < tally->count; i++)
		write_domain(tally->told[i], out);
	return !out->overflow;
}

static uint64_t number_of(struct slice text, uint64_t most)
{
	uint64_t number = 0;
	slice_to_number(text, most, &number);
	return number;
}

static struct policy_told *read_domain(struct policy_tally *tally, struct slice rest)
{
	struct slice kind, domain, left;
	slice_cut(rest, '\t', &kind, &rest);
	slice_cut(rest, '\t', &domain, &rest);
	slice_cut(rest, '\t', &left, &rest);
	struct policy_told *told = domain.len > 0 ? find_domain(tally, slice_equal(kind, SLICE("tls")) ? REPORT_TLS : REPORT_DMARC, domain) : NULL;
	if (told) {
		add_to(&told->left_off, number_of(left, REPORT_COUNT_MAX));
		buf_clear(&told->policy);
		buf_append(&told->policy, rest);
	}
	return told;
}

static void read_row(struct policy_tally *tally, struct policy_told *told, struct slice rest)
{
	struct slice count;
	slice_cut(rest, '\t', &count, &rest);
	uint64_t number = number_of(count, REPORT_COUNT_MAX);
	if (told && number > 0 && rest.len > 0 && rest.len < LINE_MAX)
		add_row(tally, told, rest, number);
}

void policy_tally_read(struct policy_tally *tally, struct slice file)
{
	struct policy_told *told = NULL;
	struct slice line, word, rest, field;
	while (slice_cut(file, '\n', &line, &file)) { /* the last line has its end, or it was cut */
		slice_cut(line, '\t', &word, &rest);
		if (slice_equal(word, SLICE("domain"))) {
			told = read_domain(tally, rest);
		} else if (slice_equal(word, SLICE("row"))) {
			read_row(tally, told, rest);
		} else if (slice_equal(word, SLICE("period"))) {
			slice_cut(rest, '\t', &field, &rest);
			tally->begin = (int64_t)number_of(field, (uint64_t)REPORT_TIME_MAX);
			tally->left_off = number_of(rest, REPORT_COUNT_MAX);
		}
	}
}

/* ---- Reports ---- */

/* The fields; those that are missing are empty. Returns how many there are. */
static size_t cut_fields(struct slice text, struct slice *fields, size_t most)
{
	size_t count = 0;
	for (size_t i = 0; i < most; i++) {
		count += text.len > 0;
		slice_cut(text, '\t', &fields[i], &text);
	}
	return count;
}

static bool is_set(struct slice field) { return slice_equal(field, SLICE("1")); }

static void make_message(struct slice text, struct arena *arena, struct report_row *row)
{
	struct slice fields[FIELDS_MAX];
	size_t count = cut_fields(text, fields, FIELDS_MAX);
	row->source = fields[0];
	row->domain = fields[1];
	row->envelope = fields[2];
	row->disposition = report_disposition_of(fields[3]);
	row->dkim = is_set(fields[4]);
	row->spf = is_set(fields[5]);
	row->passed = row->dkim || row->spf;
	row->reason = fields[6];
	row->comment = fields[7];
	row->sender = (struct report_result){.domain = fields[8], .result = fields[9]};
	row->signatures = arena_array(arena, POLICY_TALLY_SIGNATURES_MAX, sizeof *row->signatures);
	for (size_t i = OWN_FIELDS; i + 3 <= FIELDS_MAX && i < count; i += 3)
		row->signatures[row->signature_count++] = (struct report_result){fields[i], fields[i + 1], fields[i + 2]};
}

static void make_session(struct slice domain, struct slice text, struct report_row *row)
{
	struct slice fields[5];
	cut_fields(text, fields, 5);
	row->domain = domain;
	row->policy = fields[0];
	row->passed = is_set(fields[1]);
	row->reason = fields[2];
	row->source = fields[3];
	row->address = fields[4];
}

static int compare(const void *a, const void *b) { return slice_compare(*(const struct slice *)a, *(const struct slice *)b); }

static void make_rows(const struct policy_told *told, struct arena *arena, struct report *report)
{
	size_t cursor = 0, count = map_count(told->rows), at = 0;
	struct slice *texts = arena_array(arena, count + 1, sizeof *texts);
	void *value;
	while (at < count && map_next(told->rows, &cursor, &texts[at], &value))
		at++;
	qsort(texts, at, sizeof *texts, compare);
	report->rows = arena_array(arena, count + 1, sizeof *report->rows);
	for (size_t i = 0; i < at; i++) {
		struct report_row *row = &report->rows[report->row_count++];
		row->count = *(uint64_t *)map_get(told->rows, texts[i]);
		if (told->kind == REPORT_TLS)
			make_session(told->domain, texts[i], row);
		else
			make_message(texts[i], arena, row);
	}
}

void policy_tally_report(const struct policy_told *told, struct arena *arena, struct report *report, struct slice *rua)
{
	struct slice fields[POLICY_FIELDS];
	cut_fields(buf_slice(&told->policy), fields, POLICY_FIELDS);
	*report = (struct report){.kind = told->kind, .domain = told->domain, .p = fields[0], .sp = fields[1], .np = fields[2], .adkim = fields[3], .aspf = fields[4],
				  .testing = fields[5], .left_off = told->left_off};
	*rua = fields[6];
	make_rows(told, arena, report);
}
