/* What the parts of this folder share. */
#ifndef ATTACH_INTERNAL_H
#define ATTACH_INTERNAL_H

#include "attach/attach.h"

/* ---- names (name.c) ---- */

struct attach_name {
	struct slice name, extension;
	uint32_t findings;
};
/** Reads a name as it stands in a message or an archive. */
void attach_read_name(struct slice raw, struct arena *arena, struct attach_name *name);
/** Is it the extension of what systems run, …? */
bool attach_is_program(struct slice extension);
/** … of an archive, as far as they are unpacked here? */
bool attach_is_archive(struct slice extension);
/** … of a document or a picture that is neither a program nor an archive by nature? */
bool attach_is_document(struct slice extension);

/* ---- contents (sniff.c, document.c) ---- */

enum attach_kind { ATTACH_KIND_OTHER, ATTACH_KIND_PROGRAM, ATTACH_KIND_ARCHIVE, ATTACH_KIND_PACKED, ATTACH_KIND_OLE, ATTACH_KIND_PDF, ATTACH_KIND_TNEF };
/* PACKED: a single compressed file, or an archive in one */

enum { ATTACH_HEAD = 64 * 1024 }; /* bytes at the beginning of a file that tell what it is */

/** By its first bytes; *type: what it is called, NULL of OTHER. */
enum attach_kind attach_sniff(struct slice head, const char **type);
/** What libmagic says; NULL: nothing, or it can't be asked. The answer lives in `arena`. */
const char *attach_ask_magic(struct slice head, struct arena *arena);

/** Findings (bits) of OLE files, as offices wrote them before 2007: macros and encryption. */
uint32_t attach_examine_ole(struct slice content);
/** Is a PDF encrypted (ISO 32000-1 §7.6.1)? */
bool attach_is_encrypted_pdf(struct slice content);

/* ---- walking (examine.c, archive.c, tnef.c) ---- */

struct attach_walk {
	const struct attach_limits *limits;
	struct arena *arena;
	struct attach_report *report;
	size_t room;        /* of report->files */
	uint64_t packed;    /* bytes of what is attached, as far as it was looked at */
	uint64_t held;      /* bytes now in memory of what is inside something */
	int64_t cpu_until;  /* milliseconds of this thread's processor time */
	size_t asked;       /* of libmagic */
	bool stopped;       /* a limit of all was reached: nothing more is unpacked */
};

void attach_note(struct attach_walk *walk, size_t file, enum attach_finding finding);
/** The same of BOMB and UNSCANNABLE; the first reason of a file stays. */
void attach_note_reason(struct attach_walk *walk, size_t file, enum attach_finding finding, const char *reason);
/** Adds a file with that name. ATTACH_NONE: there are too many, which is noted of its parent. */
size_t attach_add(struct attach_walk *walk, struct slice raw_name, size_t parent, const struct mime_part *part);
/** Whether there is time; if not that is noted of the file. */
bool attach_may_go_on(struct attach_walk *walk, size_t file);
/** Looks at what a file is, and into it. `whole`: `content` is all of it, not just the beginning. */
void attach_look(struct attach_walk *walk, size_t file, struct slice content, bool whole);
/** Looks at all files in an archive. `kind`: ARCHIVE, PACKED, or OTHER, of which only the name says that it is one. */
void attach_unpack(struct attach_walk *walk, size_t file, struct slice content, enum attach_kind kind);
/** The same of what Outlook packs (tnef.c). */
void attach_unpack_tnef(struct attach_walk *walk, size_t file, struct slice content);

#endif
