/* What is attached to a message, and what is in that: names as people and their systems read them, true types (libmagic), what is packed in
 * archives (libarchive), what is encrypted, which documents have macros. For those who judge mail. No input or output but that the libraries
 * are loaded, and libmagic's table is read, when they are first needed.
 *
 * All of it is hostile. Whatever it is, the answer is a list of files with findings: depth, number, bytes unpacked, memory and time have
 * limits, and reaching one is a finding too. Linear in the message and in what is unpacked. */
#ifndef ATTACH_H
#define ATTACH_H

#include "base/arena.h"
#include "message/mime.h"

enum attach_finding {
#define FINDING(NAME, points, english, russian, portuguese) ATTACH_##NAME,
#include "attach/findings.def"
#undef FINDING
	ATTACH_FINDINGS,
};

/** "ATTACH_MACROS". */
const char *attach_finding_name(enum attach_finding finding);
/** In hundredths, as the score's. */
int attach_finding_points(enum attach_finding finding);
/** What it means, for a person; `language`: "ru", "pt-BR", English for all others. */
const char *attach_finding_text(enum attach_finding finding, struct slice language);

struct attach_limits {
	unsigned depth;        /* so many containers inside one another are opened */
	size_t files;          /* of all, also inside */
	uint64_t unpacked;     /* bytes, of all */
	uint64_t held;         /* bytes in memory at a time, of what is looked into inside of something else */
	unsigned milliseconds; /* of this thread's processor time */
	int64_t deadline;      /* clock_monotonic_ms(); 0: none */
};
enum {
	ATTACH_DEPTH_MAX = 6,
	ATTACH_FILES_MAX = 5000,
	ATTACH_UNPACKED_MAX = 256 * 1024 * 1024,
	ATTACH_HELD_MAX = 32 * 1024 * 1024,
	ATTACH_MILLISECONDS = 3000,
	ATTACH_NAME_MAX = 1024,  /* bytes of a name that are read: its last ones, where the extension is */
};
#define ATTACH_LIMITS ((struct attach_limits){ATTACH_DEPTH_MAX, ATTACH_FILES_MAX, ATTACH_UNPACKED_MAX, ATTACH_HELD_MAX, ATTACH_MILLISECONDS, 0})

#define ATTACH_NONE ((size_t)-1)
struct attach_file {
	struct slice name;      /* UTF-8 without control characters; empty: it has none. Of what is packed: its path */
	struct slice extension; /* as systems read it: lower-case, behind the last dot, without blanks and dots after it; or empty */
	struct slice other;     /* that of a second name, if it is another one: some programs go by this */
	struct slice declared;  /* type/subtype of its part; empty inside archives */
	struct slice type;      /* type/subtype that it truly is */
	const char *reason;     /* of BOMB and UNSCANNABLE: words; NULL */
	uint64_t size;          /* decoded bytes; of what is packed: those that were seen */
	uint32_t findings;      /* 1 << enum attach_finding */
	unsigned depth;         /* 0: attached to the message itself */
	size_t parent;          /* the file that it is in; ATTACH_NONE */
	const struct mime_part *part; /* of the message that it is, or is in */
};

struct attach_report {
	struct attach_file *files; /* those inside follow what they are in */
	size_t count;
	uint32_t findings;         /* of all files */
	uint64_t unpacked;         /* bytes */
};

/** Looks at all that isn't text to be shown in the message, whose tree `root` is (of mime_parse()). Never fails. The report lives in `arena`, or
 * points into the tree. Any thread. */
void attach_examine(struct slice message, const struct mime_part *root, const struct attach_limits *limits, struct arena *arena, struct attach_report *report);

/** Where it is, for a person: "letters.zip/bill.pdf.exe"; at most `max` bytes, "…" before what is cut off. */
struct slice attach_path(const struct attach_report *report, size_t file, size_t max, struct arena *arena);

#endif
