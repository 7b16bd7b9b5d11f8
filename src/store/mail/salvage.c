/* What stands in an account's database and nowhere else: contacts, identities, what was submitted, who is away. Messages have files; of these a database that is
 * damaged is asked before it is put aside. It is read from both ends, as far as it can be, and what is read is looked at; what then doesn't fit together is
 * fsck's to mend (check.c). */
#include "store/mail/mail.h"

#include "base/log.h"

enum { TEXT_MAX = 1024 * 1024, PHOTO_MAX = 8 * 1024 * 1024 };

struct salvage {
	struct db *from, *into;
	int64_t count;
};

/* JSON of ours, by how it begins and ends: who reads it looks closer. */
static bool is_text(struct slice text)
{
	return text.len >= 2 && text.len <= TEXT_MAX && text.at[0] == '{' && text.at[text.len - 1] == '}' && slice_is_utf8(text) && slice_find_char(text, '\0') == SLICE_NONE;
}

static bool is_kind(int64_t kind)
{
	return kind == OBJECT_IDENTITY || kind == OBJECT_SUBMISSION || kind == OBJECT_VACATION || kind == OBJECT_ADDRESS_BOOK || kind == OBJECT_CARD || kind == OBJECT_SPELLING;
}

/* It has changed just now, whatever it was before. What a snapshot has is older. */
static bool put_object(struct salvage *salvage, struct db_statement *row, struct error *error)
{
	if (!is_kind(db_number(row, 0)) || db_number(row, 1) <= 0 || !is_text(db_text(row, 4)))
		return true;
	struct db_statement *put = db_prepare(salvage->into, "INSERT INTO object (kind, id, created, made, modseq, reference, text)"
		" SELECT $1, $2, $3, modseq, modseq, $4, $5 FROM account WHERE true"
		" ON CONFLICT (kind, id) DO UPDATE SET reference = excluded.reference, text = excluded.text, modseq = excluded.modseq");
	for (int i = 0; i < 4; i++)
		db_bind_number(put, i + 1, db_number(row, i));
	db_bind_text(put, 5, db_text(row, 4));
	return db_run(put, error);
}

static bool put_place(struct salvage *salvage, struct db_statement *row, struct error *error)
{
	struct db_statement *put = db_prepare(salvage->into, "INSERT INTO contact_place (card, book) VALUES ($1, $2) ON CONFLICT DO NOTHING");
	db_bind_number(put, 1, db_number(row, 0));
	db_bind_number(put, 2, db_number(row, 1));
	return db_run(put, error);
}

static bool put_photo(struct salvage *salvage, struct db_statement *row, struct error *error)
{
	struct slice hash = db_text(row, 2), type = db_text(row, 3), bytes = db_blob(row, 4);
	if (db_number(row, 0) <= 0 || bytes.len == 0 || bytes.len > PHOTO_MAX || !slice_is_printable(hash) || !slice_is_printable(type))
		return true;
	struct db_statement *put = db_prepare(salvage->into, "INSERT INTO contact_photo (id, card, size, wanted, hash, type, bytes) VALUES ($1, $2, $3, 1, $4, $5, $6)"
		" ON CONFLICT DO NOTHING");
	db_bind_number(put, 1, db_number(row, 0));
	db_bind_number(put, 2, db_number(row, 1));
	db_bind_number(put, 3, (int64_t)bytes.len);
	db_bind_text(put, 4, hash);
	db_bind_text(put, 5, type);
	db_bind_blob(put, 6, bytes);
	return db_run(put, error);
}

static const struct source {
	const char *first, *last; /* the rows, from both ends */
	bool (*put)(struct salvage *salvage, struct db_statement *row, struct error *error);
} sources[] = {
	{"SELECT kind, id, created, reference, text FROM object ORDER BY kind, id",
	 "SELECT kind, id, created, reference, text FROM object ORDER BY kind DESC, id DESC", put_object},
	{"SELECT card, book FROM contact_place ORDER BY card, book", "SELECT card, book FROM contact_place ORDER BY card DESC, book DESC", put_place},
	{"SELECT id, card, hash, type, bytes FROM contact_photo ORDER BY id", "SELECT id, card, hash, type, bytes FROM contact_photo ORDER BY id DESC", put_photo},
};

/* *whole: to the end. False: what was read can't be kept. */
static bool copy(struct salvage *salvage, const char *sql, const struct source *source, bool *whole, struct error *error)
{
	struct error unreadable;
	enum db_step step;
	struct db_statement *row = db_prepare(salvage->from, sql);
	while ((step = db_step(row, &unreadable)) == DB_ROW) {
		if (!source->put(salvage, row, error)) {
			db_reset(row);
			return false;
		}
		salvage->count++;
	}
	*whole = step == DB_DONE;
	return true;
}

static bool copy_all(struct salvage *salvage, struct error *error)
{
	bool whole;
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		if (!copy(salvage, sources[i].first, &sources[i], &whole, error) || (!whole && !copy(salvage, sources[i].last, &sources[i], &whole, error)))
			return false;
	return true;
}

bool mail_salvage(const char *damaged, struct db *into, struct error *error)
{
	struct error unreadable;
	struct salvage salvage = {.from = db_open(damaged, &(struct db_options){.read_only = true}, &unreadable), .into = into};
	if (!salvage.from)
		return true;
	bool done = db_begin(into, error) && copy_all(&salvage, error) && db_commit(into, error);
	if (!done)
		db_rollback(into);
	else if (salvage.count > 0)
		log_info("database.salvaged", log_text("file", damaged), log_number("rows", salvage.count));
	db_close(&salvage.from);
	return done;
}
