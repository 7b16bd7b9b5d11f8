/* Our SQL as PostgreSQL is to have it. Statements are the same for both databases; what differs is in definitions (DB_ID and the others of
 * db.h, and that texts are compared by their bytes), and, where many share a schema, that each row belongs to a part of it:
 *
 *   CREATE TABLE placement (mailbox BIGINT NOT NULL, uid BIGINT NOT NULL, …, PRIMARY KEY (mailbox, uid))
 *
 * becomes a table with a column `part` in front, whose default is the part that the session is about, PRIMARY KEY (part, mailbox, uid), and a policy by which
 * each statement, whatever it asks for, sees and changes the rows of that part alone. The planner puts it into the condition of the
 * index, as if each statement had said so. Without a session's part every statement fails.
 *
 * This reads the SQL of our own schemas, and no more of the language than those use. */
#include <string.h>

#include "store/db/postgresql.h"

#define PART "current_setting('pombal.part')::bigint"

static bool is_word_char(char c) { return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_'; }

/* Of words and single other characters; a quoted text is one. Blanks belong to what follows them. */
static bool next_token(struct slice *sql, struct slice *blanks, struct slice *token)
{
	size_t at = 0;
	while (at < sql->len && ascii_is_space(sql->at[at]))
		at++;
	*blanks = slice_sub(*sql, 0, at);
	*sql = slice_skip(*sql, at);
	if (sql->len == 0)
		return false;
	size_t len = 1;
	if (sql->at[0] == '\'') {
		while (len < sql->len && sql->at[len] != '\'')
			len++;
		len += len < sql->len; /* two of them in a text are two texts, which is as well */
	} else {
		while (is_word_char(sql->at[0]) && len < sql->len && is_word_char(sql->at[len]))
			len++;
	}
	*token = slice_sub(*sql, 0, len);
	*sql = slice_skip(*sql, len);
	return true;
}

static bool is(struct slice token, const char *word) { return slice_equal(token, slice_of(word)); }

/* Do these words, single spaces between them, come next? */
static bool takes(struct slice *sql, const char *words)
{
	struct slice rest = *sql, blanks, token, word, left = slice_of(words);
	while (!slice_empty(left)) {
		slice_cut(left, ' ', &word, &left);
		if (!next_token(&rest, &blanks, &token) || !slice_equal(token, word))
			return false;
	}
	*sql = rest;
	return true;
}

bool db_pg_next_statement(struct slice *sql, struct slice *statement)
{
	struct slice start, blanks, token;
	*sql = slice_trim(*sql);
	start = *sql;
	while (next_token(sql, &blanks, &token) && !is(token, ";"))
		;
	*statement = slice_make(start.at, start.len - sql->len);
	if (statement->len > 0 && statement->at[statement->len - 1] == ';')
		statement->len--;
	return !slice_empty(*statement) || !slice_empty(*sql);
}

bool db_pg_is_definition(struct slice statement)
{
	return slice_starts(statement, SLICE("CREATE ")) || slice_starts(statement, SLICE("ALTER ")) || slice_starts(statement, SLICE("DROP "));
}

/* ---- Definitions ---- */

struct definition {
	struct buf *out, keys;    /* what is said at the table's end */
	struct slice table, column; /* the column that is being defined */
	bool parts, has_key;
};

/* What a column's type and its like are; false: the same. */
static bool put_translated(struct definition *self, struct slice token)
{
	if (is(token, "TEXT"))
		return buf_append_text(self->out, "TEXT COLLATE \"C\"");
	return is(token, "BLOB") && buf_append_text(self->out, "BYTEA");
}

/* PRIMARY KEY and UNIQUE, of a column or of several. */
static bool put_key(struct definition *self, const char *kind, struct slice *rest)
{
	if (!self->parts)
		return buf_printf(self->out, " %s", kind);
	self->has_key |= strcmp(kind, "PRIMARY KEY") == 0;
	if (takes(rest, "("))
		return buf_printf(self->out, " %s (part, ", kind);
	return buf_printf(&self->keys, ", %s (part, %.*s)", kind, SLICE_ARG(self->column));
}

static void end_table(struct definition *self)
{
	if (self->parts && !self->has_key)
		buf_append_text(self->out, ", PRIMARY KEY (part)");
	buf_append(self->out, buf_slice(&self->keys));
	buf_append_char(self->out, ')');
}

static void put_policy(struct definition *self)
{
	buf_printf(self->out, "; ALTER TABLE %.*s ENABLE ROW LEVEL SECURITY; ALTER TABLE %.*s FORCE ROW LEVEL SECURITY; CREATE POLICY part ON %.*s USING (part = " PART ")",
		   SLICE_ARG(self->table), SLICE_ARG(self->table), SLICE_ARG(self->table));
}

/* All that stands in the brackets, and they. */
static void put_columns(struct definition *self, struct slice *rest)
{
	struct slice blanks, token;
	int depth = 1;
	bool begins = true;
	buf_append_text(self->out, self->parts ? " (part BIGINT NOT NULL DEFAULT " PART ", " : " (");
	while (depth > 0 && next_token(rest, &blanks, &token)) {
		self->column = begins ? token : self->column;
		begins = depth == 1 && is(token, ",");
		depth += is(token, "(") - is(token, ")");
		if (depth == 0) {
			end_table(self);
			return;
		}
		if (is(token, "INTEGER") && takes(rest, "PRIMARY KEY")) {
			buf_append_text(self->out, " BIGINT NOT NULL");
			put_key(self, "PRIMARY KEY", rest);
		} else if (is(token, "PRIMARY") && takes(rest, "KEY")) {
			put_key(self, "PRIMARY KEY", rest);
		} else if (is(token, "UNIQUE")) {
			put_key(self, "UNIQUE", rest);
		} else {
			buf_append(self->out, blanks);
			if (!put_translated(self, token))
				buf_append(self->out, token);
		}
	}
}

static void put_rest(struct definition *self, struct slice rest)
{
	struct slice blanks, token;
	while (next_token(&rest, &blanks, &token)) {
		if (is(token, "WITHOUT") && takes(&rest, "ROWID"))
			continue;
		buf_append(self->out, blanks);
		if (!put_translated(self, token))
			buf_append(self->out, token);
	}
}

static void put_table(struct definition *self, struct slice rest)
{
	struct slice blanks;
	buf_append_text(self->out, takes(&rest, "IF NOT EXISTS") ? "CREATE TABLE IF NOT EXISTS " : "CREATE TABLE ");
	next_token(&rest, &blanks, &self->table);
	buf_append(self->out, self->table);
	if (takes(&rest, "("))
		put_columns(self, &rest);
	put_rest(self, rest);
	if (self->parts)
		put_policy(self);
}

bool db_pg_translate_definition(struct slice sql, bool parts, struct buf *out)
{
	struct slice rest = sql;
	struct definition self = {.out = out, .parts = parts, .keys = BUF(DB_PG_SQL_MAX)};
	size_t bracket = slice_find_char(sql, '(');
	if (takes(&rest, "CREATE TABLE")) {
		put_table(&self, rest);
	} else if (parts && bracket != SLICE_NONE && (takes(&rest, "CREATE INDEX") || takes(&rest, "CREATE UNIQUE INDEX"))) {
		buf_append(out, slice_sub(sql, 0, bracket));
		buf_append_text(out, "(part, ");
		buf_append(out, slice_skip(sql, bracket + 1));
	} else {
		put_rest(&self, sql);
	}
	bool done = !out->overflow && !self.keys.overflow;
	buf_free(&self.keys);
	return done;
}

/* ---- Statements ---- */

bool db_pg_translate_statement(struct slice sql, bool parts, struct buf *out)
{
	const struct { struct slice from; const char *to; } words[] = {
		{SLICE(DB_NOW), "CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)"},
		{SLICE("/* "), ""}, {SLICE(" */"), ""}, /* DB_POSTGRESQLS() */
		{SLICE("ON CONFLICT ("), parts ? "ON CONFLICT (part, " : "ON CONFLICT ("},
	};
	while (!slice_empty(sql)) {
		size_t i = 0;
		while (i < sizeof words / sizeof *words && !slice_starts(sql, words[i].from))
			i++;
		if (i < sizeof words / sizeof *words) {
			buf_append_text(out, words[i].to);
			sql = slice_skip(sql, words[i].from.len);
		} else {
			buf_append_char(out, sql.at[0]);
			sql = slice_skip(sql, 1);
		}
	}
	return !out->overflow;
}
