/* Emails in the order of their dates. Each mailbox is gone through by its index, a few rows at a time, at first; of several mailboxes always
 * the one whose next row comes first. The rows of a message in several mailboxes have its date and its id, and so follow each other. */
#include "base/memory.h"
#include "store/mail/email.h"

enum { WALK_FIRST = 32, WALK_MOST = 2048, WALK_GROWS = 4 }; /* rows of a mailbox that are read at once, at first and later */

/* The way through one mailbox: rows that have been read, and where to go on. */
struct way {
	int64_t mailbox;
	struct mail_place *rows;
	size_t at, count, wanted;
	bool ended;
};

struct walk {
	struct db *db;
	struct arena *rows;        /* of keywords, which the ways' rows have */
	struct email_maker maker;
	struct way *ways, **heap;  /* heap: those that aren't at their end, the one whose row comes first at the top */
	size_t way_count, heap_count;
	bool ascending;
	int64_t only;              /* of this mailbox alone; 0: of all */
	struct mail_ids copied;
};

static const char WALK_DOWN[] = "SELECT received, message, uid, thread, size, flags, keywords FROM placement WHERE mailbox = $1"
	" AND (received, message, uid) < ($2, $3, $4) ORDER BY received DESC, message DESC, uid DESC LIMIT $5";
static const char WALK_UP[] = "SELECT received, message, uid, thread, size, flags, keywords FROM placement WHERE mailbox = $1"
	" AND (received, message, uid) > ($2, $3, $4) ORDER BY received, message, uid LIMIT $5";

static void read_row(struct walk *walk, struct way *way, struct db_statement *s)
{
	struct slice keywords = db_text(s, 6);
	way->rows[way->count++] = (struct mail_place){
		.mailbox = way->mailbox, .received = db_number(s, 0), .message = db_number(s, 1), .uid = (uint32_t)db_number(s, 2),
		.thread = db_number(s, 3), .size = (uint64_t)db_number(s, 4), .flags = (unsigned)db_number(s, 5),
		.keywords = slice_empty(keywords) ? keywords : email_maker_keywords(&walk->maker, keywords)};
}

static bool read_on(struct walk *walk, struct way *way, struct error *error)
{
	enum db_step step = DB_DONE;
	struct mail_place last = walk->ascending ? (struct mail_place){.received = INT64_MIN} : (struct mail_place){.received = INT64_MAX, .message = INT64_MAX};
	if (way->count > 0)
		last = way->rows[way->count - 1];
	if (way->count > 0)
		way->wanted = way->wanted * WALK_GROWS < WALK_MOST ? way->wanted * WALK_GROWS : WALK_MOST;
	free(way->rows);
	way->rows = memory_array(way->wanted, sizeof *way->rows);
	way->at = way->count = 0;
	struct db_statement *s = PREPARE(walk->db, walk->ascending ? WALK_UP : WALK_DOWN, way->mailbox, last.received, last.message, last.uid, (int64_t)way->wanted);
	while (way->count < way->wanted && (step = db_step(s, error)) == DB_ROW)
		read_row(walk, way, s);
	way->ended = way->count < way->wanted;
	db_reset(s);
	return step != DB_FAILED;
}

static bool comes_first(const struct walk *walk, const struct way *a, const struct way *b)
{
	const struct mail_place *x = &a->rows[a->at], *y = &b->rows[b->at];
	bool less = x->received != y->received ? x->received < y->received : x->message < y->message;
	return less == walk->ascending && (x->received != y->received || x->message != y->message);
}

static void sink(struct walk *walk, size_t i)
{
	for (;;) {
		size_t first = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < walk->heap_count; child++)
			if (comes_first(walk, walk->heap[child], walk->heap[first]))
				first = child;
		if (first == i)
			return;
		struct way *way = walk->heap[i];
		walk->heap[i] = walk->heap[first];
		walk->heap[first] = way;
		i = first;
	}
}

/* The row at the top has been taken. */
static bool go_on(struct walk *walk, struct error *error)
{
	struct way *way = walk->heap[0];
	if (++way->at == way->count && !way->ended && !read_on(walk, way, error))
		return false;
	if (way->at == way->count)
		walk->heap[0] = walk->heap[--walk->heap_count];
	sink(walk, 0);
	return true;
}

static bool list_ways(struct walk *walk, struct error *error)
{
	struct mail_ids ids = {0};
	bool done = true;
	if (walk->only != 0)
		mail_ids_add(&ids, walk->only);
	else
		done = mail_list_mailbox_ids(walk->db, &ids, error);
	walk->ways = memory_array(ids.count + 1, sizeof *walk->ways);
	walk->heap = memory_array(ids.count + 1, sizeof(struct way *));
	for (; done && walk->way_count < ids.count; walk->way_count++) {
		struct way *way = &walk->ways[walk->way_count];
		*way = (struct way){.mailbox = ids.at[walk->way_count], .wanted = WALK_FIRST};
		done = read_on(walk, way, error);
		if (way->count > 0)
			walk->heap[walk->heap_count++] = way;
	}
	for (size_t i = walk->heap_count; i-- > 0;)
		sink(walk, i);
	mail_ids_free(&ids);
	return done;
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The next email with all of its rows; its id is 0 if all of them have \Deleted. */
static bool next_email(struct walk *walk, struct email *email, struct error *error)
{
	struct mail_place row = walk->heap[0]->rows[walk->heap[0]->at];
	struct email next = {.id = row.message, .thread = row.thread, .received = row.received, .size = row.size};
	while (walk->heap_count > 0 && walk->heap[0]->rows[walk->heap[0]->at].message == next.id) {
		row = walk->heap[0]->rows[walk->heap[0]->at];
		if ((row.flags & FLAG_DELETED) == 0)
			email_maker_add(&walk->maker, &next, &row);
		if (!go_on(walk, error))
			return false;
	}
	if (next.mailbox_count > 0 && walk->only != 0 && walk->copied.count > 0 &&
	    bsearch(&next.id, walk->copied.at, walk->copied.count, sizeof next.id, compare_ids) && !email_maker_complete(walk->db, &walk->maker, &next, error))
		return false;
	if (next.mailbox_count == 0)
		next.id = 0;
	*email = next;
	return true;
}

static bool show_all(struct walk *walk, bool (*each)(void *context, const struct email *email), void *context, struct error *error)
{
	while (walk->heap_count > 0) {
		struct email email;
		if (!next_email(walk, &email, error))
			return false;
		if (email.id != 0 && !each(context, &email))
			break;
	}
	return true;
}

static void end_walk(struct walk *walk)
{
	for (size_t i = 0; i < walk->way_count; i++)
		free(walk->ways[i].rows);
	free(walk->ways);
	free(walk->heap);
	mail_ids_free(&walk->copied);
	email_maker_end(&walk->maker);
}

bool mail_walk_emails(struct db *db, int64_t mailbox, bool ascending, bool (*each)(void *context, const struct email *email), void *context,
		      struct account_states *states, struct error *error)
{
	struct arena *arena = arena_new();
	struct walk walk = {.db = db, .ascending = ascending, .only = mailbox};
	email_maker_begin(&walk.maker, arena);
	bool done = db_begin_read(db, error) && mail_read_states(db, states, error) && (mailbox == 0 || mail_list_copied(db, &walk.copied, error)) &&
		    list_ways(&walk, error) && show_all(&walk, each, context, error);
	db_rollback(db);
	end_walk(&walk);
	arena_free(&arena);
	return done;
}
