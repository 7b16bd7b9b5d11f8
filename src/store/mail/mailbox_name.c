/* Which names a mailbox may have: UTF-8 without control characters, levels that aren't empty, "." or "..". They are never
 * names of files here, but of an export, and of other programs' folders. */
#include "store/mail/mail.h"

/* C0, DEL and C1 controls, and the line and paragraph separators: none has a place in a name (RFC 5198 §2, RFC 6855 §3). */
static bool has_control(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.at[i], next = i + 1 < name.len ? (unsigned char)name.at[i + 1] : 0;
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0))
			return true;
		if (c == 0xe2 && next == 0x80 && i + 2 < name.len && ((unsigned char)name.at[i + 2] & 0xfe) == 0xa8)
			return true;
	}
	return false;
}

static bool level_is_fine(struct slice level)
{
	return !slice_empty(level) && !slice_equal(level, SLICE(".")) && !slice_equal(level, SLICE(".."));
}

bool mailbox_name_check(struct slice name, struct mailbox_name *out, struct error *error)
{
	int depth = 0;
	if (name.len > MAILBOX_NAME_MAX)
		return error_set(error, ERROR_INVALID, "a mailbox name has at most %d bytes", MAILBOX_NAME_MAX);
	if (!slice_is_utf8(name) || has_control(name))
		return error_set(error, ERROR_INVALID, "not a mailbox name: UTF-8 without control characters");
	struct slice level, rest = name;
	for (bool more = true; more; depth++) {
		more = slice_cut(rest, '/', &level, &rest);
		if (!level_is_fine(level))
			return error_set(error, ERROR_INVALID, "not a mailbox name: a level of it is empty or dots");
	}
	if (depth > MAILBOX_DEPTH_MAX)
		return error_set(error, ERROR_INVALID, "a mailbox name has at most %d levels", MAILBOX_DEPTH_MAX);
	memcpy(out->at, name.at, name.len);
	out->len = name.len;
	if (slice_equal_nocase(slice_sub(name, 0, 5), SLICE("INBOX")) && (name.len == 5 || name.at[5] == '/'))
		memcpy(out->at, "INBOX", 5);
	return true;
}
