/* Fuzzing of what import reads of foreign files: header fields of other programs, packed messages, names of folders. */
#include "cli/import.h"
#include "cli/mail_folders.h"
#include "cli/unpack.h"
#include "message/header.h"

enum { UNPACKED_MAX = 1024 * 1024 };

static void must(bool held)
{
	if (!held)
		abort();
}

static void take(struct slice input, enum cli_import_source source, struct arena *arena)
{
	struct cli_import_fields fields;
	struct buf out = BUF(input.len + 1);
	cli_import_take_fields(input, source, &out, &fields, arena);
	must(out.len <= input.len && !out.overflow && !fields.keywords.overflow);
	must(slice_find_char(buf_slice(&fields.keywords), '\n') == SLICE_NONE);
	cli_import_fields_free(&fields);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice input = slice_make((const char *)data, size);
	struct error error;
	struct buf unpacked = BUF(UNPACKED_MAX);
	take(input, IMPORT_MBOX, arena);
	take(input, IMPORT_MAILDIR, arena);
	cli_unpack(input, &unpacked, &error);
	must(unpacked.len <= UNPACKED_MAX);
	struct slice name = cli_mailbox_name_mend(cli_folder_to_mailbox(slice_sub(input, 0, 1000), arena), arena);
	must(name.len <= MAILBOX_NAME_MAX && slice_find_char(name, '\0') == SLICE_NONE);
	must(cli_folder_from_mailbox(cli_mailbox_name_mend(cli_mbox_to_mailbox(slice_sub(input, 0, 1000), arena), arena), arena).len <= 255);
	buf_free(&unpacked);
	arena_free(&arena);
	return 0;
}
