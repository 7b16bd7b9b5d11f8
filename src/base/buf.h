/* A buffer that grows up to a named maximum.
 *
 * Invariants: len <= capacity <= max + 1; at[len] is always NUL once something was appended (for logging and C APIs
 * only: the content may hold NULs). An append that would pass max appends nothing, sets `overflow`, and every later
 * append is refused too: so a sequence of appends needs one check at its end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/slice.h"

struct buf {
	char *at;
	size_t len, capacity, max;
	bool overflow;
	bool secret; /* memory that is given back, also in growing, is wiped before */
};

/** An empty buffer that may grow to `max` bytes. Allocates nothing yet. */
#define BUF(maximum) ((struct buf){.max = (maximum)})
/** The same for passwords and what may hold one. */
#define BUF_SECRET(maximum) ((struct buf){.max = (maximum), .secret = true})

bool buf_append(struct buf *buf, struct slice s);
bool buf_append_text(struct buf *buf, const char *text);
bool buf_append_char(struct buf *buf, char c);
bool buf_append_number(struct buf *buf, uint64_t n);
__attribute__((format(printf, 2, 3))) bool buf_printf(struct buf *buf, const char *format, ...);
bool buf_vprintf(struct buf *buf, const char *format, va_list args);
/** Room for `n` more bytes at at + len, to be claimed with buf_claim(); NULL when that would pass max. */
char *buf_reserve(struct buf *buf, size_t n);
void buf_claim(struct buf *buf, size_t n);
/** Removes the first `n` bytes. */
void buf_consume(struct buf *buf, size_t n);
/** Empties it and keeps the memory. */
void buf_clear(struct buf *buf);
/** Empties it and gives the memory back; may be used again. */
void buf_free(struct buf *buf);
/** Wipes the content, then as buf_free(): what BUF_SECRET does by itself. */
void buf_free_secret(struct buf *buf);

static inline struct slice buf_slice(const struct buf *buf) { return slice_make(buf->at, buf->len); }

#endif
