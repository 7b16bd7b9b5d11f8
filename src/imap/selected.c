/* The selected mailbox: which message has which sequence number in this session, and what the client must be told of
 * what others do to it (RFC 3501 §5.2, §7.4.1). Sequence numbers change only where imap_selected_sync() sends EXPUNGE. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "imap/session.h"

enum {
	UNSEEN_SEARCH_MAX = 1000, /* how many messages are looked at for the UNSEEN code, which may be left out (RFC 3501 §6.3.1) */
	SYNC_PIECE = 500, RECENT_RANGES_MAX = 64, KEYWORDS_TOLD_MAX = 4096,
	LOOK_AGAIN_MS = 60 * 1000, /* who changes an account says so; should that have been lost, it is found out so late */
};

/* ---- \Recent ---- */

bool imap_selected_is_recent(const struct imap_selected *selected, uint32_t uid)
{
	return ranges_contain(&(struct ranges){selected->recent, selected->recent_count}, uid);
}

size_t imap_selected_count_recent(const struct imap_selected *selected)
{
	size_t count = 0;
	if (!selected->loaded)
		return selected->told_recent;
	for (size_t i = 0; i < selected->recent_count; i++) {
		struct range recent = selected->recent[i];
		size_t end = recent.last == UINT32_MAX ? selected->uids.count : imap_uids_seek(&selected->uids, recent.last + 1);
		count += end - imap_uids_seek(&selected->uids, recent.first);
	}
	return count;
}

/* With too many ranges, the oldest messages stop being recent. */
static void add_recent(struct imap_selected *selected, struct range claimed)
{
	if (claimed.first > claimed.last)
		return;
	size_t n = selected->recent_count;
	if (n > 0 && claimed.first <= selected->recent[n - 1].last + 1) {
		selected->recent[n - 1].last = claimed.last;
		return;
	}
	if (n == RECENT_RANGES_MAX)
		memmove(selected->recent, selected->recent + 1, --n * sizeof *selected->recent);
	selected->recent = memory_resize(selected->recent, (n + 1) * sizeof *selected->recent);
	selected->recent[n] = claimed;
	selected->recent_count = n + 1;
}

/* Who opens read-write takes \Recent for itself, who examines only looks (RFC 3501 §2.3.2): then the recent messages are
 * as many as the store counts, at the end. To be called before the UIDs are read; a message that comes in between isn't
 * part of the claim, so it is recent for whoever claims next. */
static struct range claim_recent(struct account *account, const struct mailbox *mailbox, bool read_only)
{
	struct error error;
	uint32_t first, next;
	if (read_only || mailbox->recent == 0 || !mailbox_claim_recent(account, mailbox->id, &first, &next, &error))
		return (struct range){1, 0};
	return (struct range){first, next - 1};
}

/* Of one that is only looked at, what is recent are the last ones. */
static struct range recent_of(const struct imap_selected *selected, const struct mailbox *mailbox, struct range claimed)
{
	if (!selected->read_only || mailbox->recent == 0)
		return claimed;
	return (struct range){mailbox->recent_from, mailbox->uidnext - 1};
}

/* ---- keywords ---- */

/* Adds what is new to the keywords that the client knows; false if nothing is. Beyond KEYWORDS_TOLD_MAX nothing more is announced:
 * FLAGS is a courtesy. */
static bool note_keywords(struct imap_selected *selected, struct slice keywords)
{
	bool new = false;
	while (keywords.len > 0) {
		struct slice keyword;
		slice_cut(keywords, ' ', &keyword, &keywords);
		if (selected->keywords.len + keyword.len >= KEYWORDS_TOLD_MAX || slice_has_word_nocase(buf_slice(&selected->keywords), keyword))
			continue;
		if (selected->keywords.len > 0)
			buf_append_char(&selected->keywords, ' ');
		buf_append(&selected->keywords, keyword);
		new = true;
	}
	return new;
}

/* What the mailbox has is told when it is opened. A failure isn't the client's business. */
static void note_all_keywords(struct account *account, struct imap_selected *selected)
{
	struct arena *arena = arena_new();
	struct slice keywords;
	struct error error;
	if (mailbox_keywords(account, selected->mailbox, arena, &keywords, &error))
		note_keywords(selected, keywords);
	arena_free(&arena);
}

/* ---- opening and closing ---- */

static int compare_uids(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

/* Of those that were there `missing` more have gone than the store's log still tells. Which UIDs they had nobody knows, and the client
 * hasn't been told of any: the highest that are free stand for them, until it can be told of their going. */
static void make_up_gone(const struct imap_selected *selected, const uint32_t *present, size_t count, uint32_t **gone, size_t *gone_count, size_t missing,
			 struct arena *arena)
{
	uint32_t *all = arena_array(arena, *gone_count + missing + 1, sizeof *all);
	size_t i = count, k = *gone_count, found = *gone_count;
	if (k > 0)
		memcpy(all, *gone, k * sizeof *all);
	for (uint32_t uid = selected->told_next - 1; uid > 0 && missing > 0; uid--) {
		while (i > 0 && present[i - 1] > uid)
			i--;
		while (k > 0 && all[k - 1] > uid)
			k--;
		if ((i > 0 && present[i - 1] == uid) || (k > 0 && all[k - 1] == uid))
			continue;
		all[found++] = uid;
		missing--;
	}
	qsort(all, found, sizeof *all, compare_uids);
	*gone = all;
	*gone_count = found;
}

/* All that were there when the mailbox was opened: those that are there still, and those that have been expunged since. */
static void add_known(struct imap_selected *selected, const uint32_t *present, size_t count, const uint32_t *gone, size_t gone_count)
{
	size_t i = 0, k = 0;
	while (i < count || k < gone_count) {
		uint32_t there = i < count ? present[i] : UINT32_MAX, was = k < gone_count ? gone[k] : UINT32_MAX;
		uint32_t uid = there < was ? there : was;
		if (uid >= selected->told_next)
			return;
		imap_uids_add(&selected->uids, uid);
		i += i < count && present[i] == uid;
		while (k < gone_count && gone[k] == uid)
			k++;
	}
}

static bool load_uids(struct imap_command *command, struct imap_selected *selected, struct arena *arena, struct error *error)
{
	uint32_t *present, *gone;
	size_t count, gone_count;
	int64_t unused;
	bool complete;
	if (!message_uids(command->account, selected->mailbox, &present, &count, &unused, error))
		return false;
	bool done = message_expunged(command->account, selected->mailbox, selected->modseq, arena, &gone, &gone_count, &complete, error);
	if (done)
		add_known(selected, present, count, gone, gone_count);
	if (done && !complete && selected->uids.count < selected->told) {
		make_up_gone(selected, present, count, &gone, &gone_count, selected->told - selected->uids.count, arena);
		imap_uids_free(&selected->uids);
		add_known(selected, present, count, gone, gone_count);
	}
	free(present);
	if (done && selected->uids.count != selected->told) {
		imap_uids_free(&selected->uids);
		return error_set(error, ERROR_NOT_FOUND, "too much has changed since the mailbox was opened");
	}
	return selected->loaded = done;
}

bool imap_selected_load(struct imap_command *command, struct error *error)
{
	struct imap_selected *selected = command->imap->selected;
	if (selected->loaded)
		return true;
	struct arena *arena = arena_new();
	bool done = imap_command_account(command, error) && load_uids(command, selected, arena, error);
	arena_free(&arena);
	return done;
}

/* On any thread, under a lock of the store. */
static void note_change(void *context)
{
	struct imap_selected *selected = context;
	selected->changed = true;
	if (selected->idling)
		conn_wake(selected->conn);
}

/* What the client is told of the mailbox, all of one moment. */
static bool look(struct account *account, struct imap_selected *selected, struct mailbox *mailbox, struct range claimed, struct arena *arena, struct error *error)
{
	uint64_t claimed_count = claimed.first > claimed.last ? 0 : mailbox->recent + (claimed.last >= mailbox->uidnext ? claimed.last + 1 - mailbox->uidnext : 0);
	if (!mailbox_open(account, mailbox->id, UNSEEN_SEARCH_MAX, arena, mailbox, &selected->modseq, &selected->told_unseen, error))
		return false;
	selected->expunge_modseq = selected->seen_modseq = selected->modseq; /* this was a look; what has come since it began sets `changed` */
	selected->told = mailbox->messages;
	selected->told_next = mailbox->uidnext;
	selected->told_recent = selected->read_only ? mailbox->recent : claimed_count < selected->told ? claimed_count : selected->told;
	add_recent(selected, recent_of(selected, mailbox, claimed));
	note_all_keywords(account, selected);
	return true;
}

struct imap_selected *imap_selected_open(struct imap_command *command, struct mailbox *mailbox, bool read_only, struct error *error)
{
	struct account *account = imap_command_account(command, error);
	if (!account)
		return NULL;
	struct range claimed = claim_recent(account, mailbox, read_only);
	struct imap_selected *selected = memory_new(sizeof *selected);
	selected->looked_ms = clock_monotonic_ms();
	selected->conn = command->imap->conn;
	selected->subscription = store_subscribe(command->imap->service->store, account_name(account), note_change, selected);
	selected->mailbox = mailbox->id;
	selected->uidvalidity = mailbox->uidvalidity;
	selected->read_only = read_only;
	selected->keywords = BUF(KEYWORDS_TOLD_MAX);
	if (!look(account, selected, mailbox, claimed, command->arena, error))
		imap_selected_free(&selected);
	return selected;
}

void imap_selected_free(struct imap_selected **selected)
{
	if (!*selected)
		return;
	store_unsubscribe(&(*selected)->subscription);
	imap_uids_free(&(*selected)->uids);
	free((*selected)->recent);
	buf_free(&(*selected)->keywords);
	free(*selected);
	*selected = NULL;
}

void imap_unselect(struct imap *imap)
{
	imap_selected_free(&imap->selected);
	if (imap->state == STATE_SELECTED)
		imap->state = STATE_SIGNED_IN;
}

/* ---- news ---- */

/* One look at what is new. Has an arena of its own, since IDLE looks many times within one command. */
struct sync {
	struct imap_command *command;
	struct imap_selected *selected;
	struct arena *arena;
	struct mailbox mailbox;
	int64_t modseq; /* of the account, read first: whatever changes later is told the next time */
};

static bool is_quiet(const struct imap_command *command, uint32_t uid)
{
	return command->quiet_count > 0 && bsearch(&uid, command->quiet, command->quiet_count, sizeof uid, compare_uids);
}

void imap_selected_write_keywords(struct imap_selected *selected, struct buf *out, struct slice keywords)
{
	if (!note_keywords(selected, keywords))
		return;
	buf_append_text(out, "* FLAGS ");
	imap_write_flags(out, FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_SEEN | FLAG_DRAFT, buf_slice(&selected->keywords));
	buf_append_text(out, "\r\n");
}

void imap_selected_write_flags(struct imap_selected *selected, struct buf *out, size_t index, const struct message *message)
{
	imap_selected_write_keywords(selected, out, message->keywords);
	buf_printf(out, "* %zu FETCH (UID %u FLAGS ", index + 1, message->uid);
	imap_write_flags(out, message->flags | (imap_selected_is_recent(selected, message->uid) ? FLAG_RECENT : 0), message->keywords);
	buf_append_text(out, ")\r\n");
}

/* The UIDs in `selected` that the mailbox has no more; for when the store's log of expunges doesn't reach back. */
static bool find_gone(struct sync *sync, uint32_t **gone, size_t *count, struct error *error)
{
	uint32_t *present;
	size_t present_count, at = 0;
	int64_t unused;
	struct imap_selected *selected = sync->selected;
	if (!message_uids(sync->command->account, selected->mailbox, &present, &present_count, &unused, error))
		return false;
	*gone = arena_array(sync->arena, selected->uids.count, sizeof **gone);
	*count = 0;
	for (size_t i = 0; i < selected->uids.count; i++) {
		uint32_t uid = imap_uids_at(&selected->uids, i);
		while (at < present_count && present[at] < uid)
			at++;
		if (at == present_count || present[at] != uid)
			(*gone)[(*count)++] = uid;
	}
	free(present);
	return true;
}

/* Takes UIDs (ascending) out and sends EXPUNGE for each: the last first, so that no number shifts before it is used. */
static void expunge_uids(struct sync *sync, const uint32_t *gone, size_t count)
{
	struct imap_selected *selected = sync->selected;
	struct buf out = BUF(RESPONSE_MAX);
	size_t *indexes = arena_array(sync->arena, count, sizeof *indexes), found = 0;
	for (size_t i = 0; i < count; i++)
		found += imap_uids_find(&selected->uids, gone[i], &indexes[found]);
	if (found == 0)
		return;
	for (size_t i = found; i-- > 0;) {
		buf_printf(&out, "* %zu EXPUNGE\r\n", indexes[i] + 1);
		imap_send_some(sync->command->imap, &out);
	}
	imap_uids_take_out(&selected->uids, indexes, found);
	imap_send(sync->command->imap, &out);
	buf_free(&out);
}

static bool sync_expunged(struct sync *sync, struct error *error)
{
	struct imap_selected *selected = sync->selected;
	uint32_t *gone;
	size_t count;
	bool complete;
	if (!message_expunged(sync->command->account, selected->mailbox, selected->expunge_modseq, sync->arena, &gone, &count, &complete, error))
		return false;
	if (!complete && !find_gone(sync, &gone, &count, error))
		return false;
	expunge_uids(sync, gone, count);
	selected->expunge_modseq = sync->modseq;
	return true;
}

/* One piece of what has changed since the client was last told: flags of known messages go into `out`, new messages
 * behind the others in uids. Returns whether there is more. */
static void take_changes(struct sync *sync, size_t known, const struct message *list, size_t count, struct buf *out)
{
	struct imap_selected *selected = sync->selected;
	size_t i = 0, index;
	for (; i < count && known > 0 && list[i].uid <= imap_uids_at(&selected->uids, known - 1); i++)
		if (imap_uids_find(&selected->uids, list[i].uid, &index) && !is_quiet(sync->command, list[i].uid)) {
			imap_selected_write_flags(selected, out, index, &list[i]);
			imap_send_some(sync->command->imap, out);
		}
	for (; i < count; i++)
		imap_uids_add(&selected->uids, list[i].uid);
}

static bool sync_changes(struct sync *sync, struct error *error)
{
	struct imap_command *command = sync->command;
	struct imap_selected *selected = sync->selected;
	struct buf out = BUF(RESPONSE_MAX);
	size_t known = selected->uids.count;
	struct range claimed = claim_recent(command->account, &sync->mailbox, selected->read_only);
	uint32_t next = 1;
	bool done = true;
	for (bool more = true; more && done;) {
		struct message *list;
		size_t count;
		done = message_list(command->account, selected->mailbox, next, UINT32_MAX, selected->modseq, SYNC_PIECE, MESSAGE_FLAGS,
				    sync->arena, &list, &count, error);
		more = done && count == SYNC_PIECE && list[count - 1].uid < UINT32_MAX;
		if (!done)
			break;
		take_changes(sync, known, list, count, &out);
		next = more ? list[count - 1].uid + 1 : next;
		imap_send(command->imap, &out);
		buf_clear(&out);
		arena_reset(sync->arena);
	}
	if (selected->uids.count > known) {
		add_recent(selected, recent_of(selected, &sync->mailbox, claimed));
		conn_printf(command->imap->conn, "* %zu EXISTS\r\n* %zu RECENT\r\n", selected->uids.count, imap_selected_count_recent(selected));
	}
	if (done)
		selected->modseq = sync->modseq;
	buf_free(&out);
	return done;
}

/* RFC 2180 §3.3: of the ways to go on without the mailbox, goodbye is the one that no client misunderstands. */
static void lost(struct imap_command *command, const struct error *error)
{
	struct imap *imap = command->imap;
	if (error->kind == ERROR_NOT_FOUND)
		imap_bye(imap, "The selected mailbox is gone");
	else
		log_warning("imap.news_failed", log_id("session", imap->id), log_slice("account", imap->account), log_text("reason", error->text));
}

static bool sync_mailbox(struct sync *sync, bool expunge, struct error *error)
{
	struct imap_selected *selected = sync->selected;
	if (!imap_command_account(sync->command, error) || !account_modseq(sync->command->account, &sync->modseq, error))
		return false;
	if (sync->modseq <= selected->modseq && (!expunge || sync->modseq <= selected->expunge_modseq))
		return true;
	if (!mailbox_get(sync->command->account, selected->mailbox, sync->arena, &sync->mailbox, error))
		return false;
	/* What has changed in other mailboxes is none of this session's business. */
	if (expunge && sync->mailbox.modseq <= selected->expunge_modseq)
		selected->expunge_modseq = sync->modseq;
	if (sync->mailbox.modseq <= selected->modseq)
		selected->modseq = sync->modseq;
	bool due = sync->modseq > selected->modseq || (expunge && sync->modseq > selected->expunge_modseq);
	if (due && !imap_selected_load(sync->command, error))
		return false;
	return (!expunge || sync->modseq <= selected->expunge_modseq || sync_expunged(sync, error)) &&
	       (sync->modseq <= selected->modseq || sync_changes(sync, error));
}

bool imap_selected_is_told(const struct imap_selected *selected, bool expunge)
{
	return !selected->changed && selected->seen_modseq <= selected->modseq && (!expunge || selected->seen_modseq <= selected->expunge_modseq) &&
	       clock_monotonic_ms() - selected->looked_ms < LOOK_AGAIN_MS;
}

void imap_selected_sync(struct imap_command *command, bool expunge)
{
	struct error error;
	struct imap_selected *selected = command->imap->selected;
	if (imap_selected_is_told(selected, expunge))
		return;
	struct sync sync = {.command = command, .selected = selected, .arena = arena_new()};
	selected->changed = false; /* before the look: what comes meanwhile sets it again */
	selected->looked_ms = clock_monotonic_ms();
	if (sync_mailbox(&sync, expunge, &error))
		selected->seen_modseq = sync.modseq;
	else {
		selected->changed = true;
		lost(command, &error);
	}
	arena_free(&sync.arena);
}

/* ---- sequence sets ---- */

bool imap_command_parse_indexes(struct imap_command *command, struct ranges *indexes)
{
	struct imap_selected *selected = command->imap->selected;
	struct ranges set;
	if (!imap_parse_set(&command->parser, &set))
		return false;
	if (command->uid) {
		imap_set_uids_to_indexes(&set, &selected->uids, command->arena, indexes);
		return true;
	}
	return imap_set_to_indexes(&set, selected->uids.count, command->arena, indexes) ||
	       imap_parse_fail(&command->parser, "There is no message with such a number");
}

uint32_t *imap_command_uids(struct imap_command *command, const struct ranges *indexes, size_t *count)
{
	uint32_t *uids = arena_array(command->arena, ranges_size(indexes), sizeof *uids), index;
	struct ranges_cursor cursor = {0};
	for (*count = 0; ranges_next(indexes, &cursor, &index);)
		uids[(*count)++] = imap_uids_at(&command->imap->selected->uids, index);
	return uids;
}
