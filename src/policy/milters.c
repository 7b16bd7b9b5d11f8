/* What milters make of a message; see milters.h. A milter's no is the message's, in its words; what it wants thrown away is held instead, for who
 * has said that he has taken a message must be able to say where it is. */
#include "policy/milters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "message/header.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

static bool may_change(void *context, struct slice name, struct slice value)
{
	const struct engine_mail *mail = context;
	return policy_may_change_field(name, value, mail->hostname);
}

/* They aren't shown the field that smtp has put at the front: others don't show theirs, and positions are counted without it. */
void policy_milters_begin(struct engine_letter *letter, struct slice message, const struct engine_mail *mail)
{
	struct slice rest = message;
	struct header_field field = {0};
	bool ours = header_next(&rest, &field) && slice_equal_nocase(field.name, SLICE("Received"));
	engine_letter_begin(letter, message, ours ? field.whole.len : 0, mail->sender, mail->recipients, mail->recipient_count);
	letter->allows = may_change;
	letter->context = (void *)(uintptr_t)mail;
}

bool policy_milters_decide(const struct engine_result *result)
{
	return result->outcome == ENGINE_REFUSED || result->outcome == ENGINE_DEFERRED || result->outcome == ENGINE_DISCARDED;
}

/* ---- Findings ---- */

void policy_milters_tell(const struct config_engine *engine, const struct engine_result *result, struct policy_findings *findings)
{
	static const struct {
		enum engine_outcome outcome;
		const char *rule;
		enum policy_action action;
		const char *reply; /* where it has no words of its own */
	} rows[] = {
		{ENGINE_CLEAN, "MILTER_ACCEPTS", POLICY_ACCEPT, ""},
		{ENGINE_CHANGED, "MILTER_CHANGES", POLICY_ACCEPT, ""},
		{ENGINE_SET_APART, "MILTER_QUARANTINES", POLICY_QUARANTINE, ""},
		{ENGINE_DISCARDED, "MILTER_DISCARDS", POLICY_QUARANTINE, ""},
		{ENGINE_DEFERRED, "MILTER_DEFERS", POLICY_DEFER, "a filter of this server can't take the message at the moment, try again later"},
		{ENGINE_REFUSED, "MILTER_REFUSES", POLICY_REJECT, "a filter of this server refuses the message"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].outcome == result->outcome) {
			policy_findings_add(findings, slice_of(rows[i].rule), 0, arena_printf(findings->arena, "%s%s%s", engine->name, *result->text ? ": " : "", result->text));
			policy_findings_demand(findings, rows[i].action, slice_of(*result->text ? result->text : rows[i].reply));
		}
}

/* ---- Edits ---- */

struct taking {
	struct policy_edits *edits;
	struct arena *arena;
	size_t size;
};

static bool take_edit(void *context, const struct engine_edit *edit)
{
	struct taking *taking = context;
	struct policy_edits *edits = taking->edits;
	taking->size += edit->text.len;
	if (edits->count == POLICY_EDITS_MAX || edit->text.len > POLICY_EDIT_TEXT_MAX || taking->size > POLICY_EDITS_SIZE)
		return false;
	edits->list[edits->count++] = (struct policy_edit){edit->at, edit->len, arena_copy(taking->arena, edit->text)};
	return true;
}

/* False: they are too many. */
static bool tell_recipients(const struct engine_letter *letter, struct arena *arena, struct policy_edits *edits)
{
	struct buf removed = BUF(POLICY_ADDRESSES_MAX), added = BUF(POLICY_ADDRESSES_MAX);
	for (size_t i = 0; i < letter->recipient_count; i++) {
		const struct engine_recipient *recipient = &letter->recipients[i];
		if (recipient->removed != recipient->added) { /* one that was added and removed is as before */
			buf_append(recipient->removed ? &removed : &added, recipient->address);
			buf_append_char(recipient->removed ? &removed : &added, '\n');
		}
	}
	edits->removed = arena_copy(arena, buf_slice(&removed));
	edits->added = arena_copy(arena, buf_slice(&added));
	bool fits = !removed.overflow && !added.overflow;
	buf_free(&removed);
	buf_free(&added);
	return fits;
}

/* The body, with notes in the place of what is cut out of it; `header`: bytes before it where the cuts count from. */
static int write_body(const struct engine_letter *letter, size_t header, const struct policy_findings *findings)
{
	struct error error;
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool good = fd >= 0;
	size_t at = 0;
	for (size_t i = 0; good && i < findings->cut_count; i++) {
		const struct policy_cut *cut = &findings->cuts[i];
		size_t from = cut->at > header ? (size_t)cut->at - header : 0;
		good = file_write_all(fd, slice_sub(letter->body, at, from > at ? from - at : 0), &error) && file_write_all(fd, cut->text, &error);
		at = from + (size_t)cut->len;
	}
	good = good && file_write_all(fd, slice_skip(letter->body, at), &error) && fcntl(fd, F_ADD_SEALS, SEALS) == 0;
	if (!good && fd >= 0)
		close(fd);
	return good ? fd : -1;
}

/* Cuts of a body that stays are counted from the front of the message as it came. */
static void place_cuts(const struct engine_letter *letter, size_t header, struct policy_findings *findings)
{
	size_t kept = 0;
	for (size_t i = 0; i < findings->cut_count; i++)
		if (findings->cuts[i].at >= header) {
			findings->cuts[kept] = findings->cuts[i];
			findings->cuts[kept++].at += letter->header - header;
		}
	if (kept < findings->cut_count)
		policy_findings_demand(findings, POLICY_QUARANTINE, SLICE(""));
	findings->cut_count = kept;
}

void policy_milters_edit(const struct engine_letter *letter, struct policy_findings *findings, int *body)
{
	struct policy_edits *edits = arena_alloc(findings->arena, sizeof *edits);
	struct taking taking = {edits, findings->arena, 0};
	struct buf header = BUF(SIZE_MAX / 2);
	*body = -1;
	if (findings->action >= POLICY_QUARANTINE)
		findings->cut_count = 0; /* what is held is whole */
	engine_letter_write_header(letter, &header);
	edits->sender_changed = letter->sender_changed;
	edits->sender = letter->sender_changed ? letter->sender : slice_make(NULL, 0);
	bool good = engine_letter_edits(letter, take_edit, &taking) && tell_recipients(letter, findings->arena, edits) && edits->sender.len <= POLICY_ADDRESS_MAX;
	if (letter->body_replaced) {
		*body = write_body(letter, header.len, findings);
		edits->body = true;
		good = good && *body >= 0;
		findings->cut_count = 0;
	} else if (letter->header_changed)
		place_cuts(letter, header.len, findings);
	if (!good)
		policy_findings_demand(findings, POLICY_DEFER, SLICE("what a filter of this server wants changed can't be done at the moment, try again later"));
	findings->edits = policy_edits_are_any(edits) ? edits : NULL;
	buf_free(&header);
}
