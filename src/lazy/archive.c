/* Of libarchive, which unpacks what is attached to mail: the policy role. */
#include <archive.h>
#include <archive_entry.h>

#include "lazy/library.h"

static struct library library = {"libarchive.so.13", NULL};

#define OF_ARCHIVE(result, name) LIBRARY_FUNCTION(library, result, name, (struct archive *archive), (archive))
#define OF_ENTRY(result, name) LIBRARY_FUNCTION(library, result, name, (struct archive_entry *entry), (entry))

LIBRARY_FUNCTION(library, struct archive *, archive_read_new, (void), ())
OF_ARCHIVE(int, archive_read_free)
OF_ARCHIVE(int, archive_read_support_filter_bzip2)
OF_ARCHIVE(int, archive_read_support_filter_compress)
OF_ARCHIVE(int, archive_read_support_filter_gzip)
OF_ARCHIVE(int, archive_read_support_filter_lz4)
OF_ARCHIVE(int, archive_read_support_filter_lzip)
OF_ARCHIVE(int, archive_read_support_filter_lzma)
OF_ARCHIVE(int, archive_read_support_filter_xz)
OF_ARCHIVE(int, archive_read_support_filter_zstd)
OF_ARCHIVE(int, archive_read_support_format_7zip)
OF_ARCHIVE(int, archive_read_support_format_ar)
OF_ARCHIVE(int, archive_read_support_format_cab)
OF_ARCHIVE(int, archive_read_support_format_cpio)
OF_ARCHIVE(int, archive_read_support_format_iso9660)
OF_ARCHIVE(int, archive_read_support_format_lha)
OF_ARCHIVE(int, archive_read_support_format_rar)
OF_ARCHIVE(int, archive_read_support_format_rar5)
OF_ARCHIVE(int, archive_read_support_format_raw)
OF_ARCHIVE(int, archive_read_support_format_tar)
OF_ARCHIVE(int, archive_read_support_format_zip)
LIBRARY_FUNCTION(library, int, archive_read_open_memory, (struct archive *archive, const void *bytes, size_t size), (archive, bytes, size))
LIBRARY_FUNCTION(library, int, archive_read_next_header, (struct archive *archive, struct archive_entry **entry), (archive, entry))
LIBRARY_FUNCTION(library, int, archive_read_data_block, (struct archive *archive, const void **bytes, size_t *size, la_int64_t *offset), (archive, bytes, size, offset))
OF_ARCHIVE(int, archive_read_has_encrypted_entries)
OF_ARCHIVE(int, archive_filter_count)
OF_ARCHIVE(int, archive_format)
OF_ARCHIVE(const char *, archive_error_string)
OF_ENTRY(const char *, archive_entry_pathname)
OF_ENTRY(const char *, archive_entry_pathname_utf8)
OF_ENTRY(int, archive_entry_is_data_encrypted)
OF_ENTRY(int, archive_entry_is_metadata_encrypted)
OF_ENTRY(__LA_MODE_T, archive_entry_filetype)
