/* What the files that read PDF (ISO 32000-1) share. A document is a heap of numbered objects; those of a page say which streams paint it, and with
 * which fonts. We find the objects by going through the whole file, so that its tables, which may be damaged, aren't needed; of several with the same
 * number the last counts, as a file that was changed has the new ones at its end.
 *
 * All is a stranger's: each way down has a depth, and everything that is read, unpacked or done counts against what a document may cost. */
#ifndef EXTRACT_PDF_H
#define EXTRACT_PDF_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	PDF_OBJECTS_MAX = 500 * 1000,            /* the highest number of an object */
	PDF_DEPTH_MAX = 40,                      /* of arrays in arrays, of pages in pages */
	PDF_WORK_MAX = 20 * 1000 * 1000,         /* values that are read */
	PDF_MEMORY_MAX = 160 * 1024 * 1024,      /* bytes of what is kept */
	PDF_PAGES_MAX = 20 * 1000,               /* and what stands between them */
	PDF_FORMS_DEPTH_MAX = 8,                 /* of what is painted in what is painted */
	PDF_FONTS_MAX = 300,
	PDF_OPERANDS_MAX = 64,
	PDF_MAPPINGS_MAX = 100 * 1000,           /* of codes to characters, in a font */
};

enum pdf_kind { PDF_NULL, PDF_BOOL, PDF_NUMBER, PDF_NAME, PDF_STRING, PDF_ARRAY, PDF_DICTIONARY, PDF_REFERENCE, PDF_KEYWORD };

struct pdf_value {
	enum pdf_kind kind;
	double number;               /* of a reference the object's */
	struct slice text;           /* of a name, a string, a keyword; of a dictionary with a stream the stream, as it stands in the file */
	struct pdf_value *items;     /* of an array; of a dictionary names and values in turn */
	size_t count;
};

/* Where an object is: in the file, or in an unpacked stream of objects. */
struct pdf_place {
	struct slice text;           /* from the object on; at NULL: there is none */
	struct slice stream;
	size_t rank;                 /* of several the highest counts */
	struct pdf_value *value;     /* once it was read */
	bool packed;                 /* its stream has objects in it */
	bool visited;                /* as a page */
};

struct pdf {
	struct arena *arena;
	struct slice file;
	struct pdf_place *places;    /* by numbers */
	size_t place_count;
	struct pdf_value root;
	bool encrypted;
	uint64_t work, unpacked;
	size_t pages, font_count;
	struct { const struct pdf_value *items; struct pdf_font *font; } fonts[PDF_FONTS_MAX];
};

/* pdf_value.c: reading values (§7.2, §7.3) */

struct pdf_reader {
	struct pdf *pdf;
	struct slice text;
	size_t at;
	struct arena *arena;         /* for what is read */
	bool references;             /* "1 0 R" is one value: everywhere but in what paints */
};
/** Takes a value or keyword off. False: there is none any more, or the document costs too much. */
bool pdf_read(struct pdf_reader *reader, struct pdf_value *value);
/** Passes over white space and comments. */
void pdf_skip_blanks(struct pdf_reader *reader);
/** The value under a name of a dictionary, as it stands there; of kind PDF_NULL if there is none. */
struct pdf_value pdf_entry(const struct pdf_value *dictionary, const char *name);

/* pdf_file.c: objects (§7.5) */

/** Finds all objects; false: they are too many, or it is encrypted. */
bool pdf_open(struct pdf *pdf);
/** What a reference stands for; other values stand for themselves. */
struct pdf_value pdf_resolve(struct pdf *pdf, struct pdf_value value);
/** The entry, resolved. */
struct pdf_value pdf_get(struct pdf *pdf, const struct pdf_value *dictionary, const char *name);
/** Its number, or `otherwise`. */
double pdf_number(struct pdf *pdf, const struct pdf_value *dictionary, const char *name, double otherwise);

/* pdf_filter.c: streams (§7.4) */

/** Appends the unpacked stream of a dictionary, as far as it can be unpacked; pictures aren't. */
void pdf_unpack(struct pdf *pdf, const struct pdf_value *stream, struct buf *out);

/* pdf_font.c, pdf_names.c: from codes to characters (§9.6-9.10) */

struct pdf_font;
/** A font by what the file says of it, read once; what isn't said is assumed. NULL: it is none, or there are too many. */
struct pdf_font *pdf_font_of(struct pdf *pdf, const struct pdf_value *dictionary);
/** Takes a character's code off a string, appends its text, and says how wide it is, in thousandths. False: at the end. */
bool pdf_font_take(const struct pdf_font *font, struct slice *string, struct buf *out, double *width, bool *blank);
void pdf_put_character(struct buf *out, uint32_t character);
/** The text of a glyph by its name ("eacute", "afii10017", "uni0416"): accents follow their letters. */
void pdf_put_glyph(struct slice name, struct buf *out);
/** What a byte is in one of the encodings with a name (WinAnsiEncoding …); 0: nothing. */
uint32_t pdf_encoded(struct slice encoding, unsigned char byte);

/* pdf_map.c: CMaps that tell which characters codes stand for (§9.10.3) */

struct pdf_mapping { uint32_t first, last; struct slice text; /* UTF-16BE, of the first; the last unit goes up */ };
struct pdf_map { struct pdf_mapping *at; size_t count, room; };
void pdf_map_read(struct pdf *pdf, struct slice text, struct pdf_map *map);
bool pdf_map_put(const struct pdf_map *map, uint32_t code, struct buf *out);

/* pdf_paint.c: what streams paint (§8, §9) */

/** Appends the text of a stream that paints, with blanks where there are gaps. */
void pdf_paint(struct pdf *pdf, struct slice stream, const struct pdf_value *resources, struct buf *out);

/* pdf.c */

/** Appends the text of all pages. False: it is encrypted, or not whole. */
bool pdf_text(struct slice file, struct buf *out);

#endif
