/* Bytes, texts, identities and buffers of the table of cases: how they are made, and how they are looked at. Part of table.h. */
#ifndef TABLE_VALUES_H
#define TABLE_VALUES_H

#include <stdarg.h>

/* Where a case is, for whoever tells that it ended. */
typedef struct Progress {
    char name[256];
    unsigned number;
    char function[64];
} Progress;

static Progress *progress;

/* A call begins, whose text this is. */
static inline void begin(unsigned number, const char *call)
{
    const char *name = strncmp(call, "sspi->", 6) == 0 ? call + 6 : call;
    progress->number = number;
    snprintf(progress->function, sizeof progress->function, "%.*s", (int)strcspn(name, "("), name);
}

/* What the call did is not what is expected. */
__attribute__((noreturn, format(printf, 1, 2))) static inline void wrong(const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: call %u, %s: ", progress->name, progress->number, progress->function);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

/* Memory that lives as long as the case. */
typedef struct Owned {
    struct Owned *next;
    void *memory;
} Owned;

static Owned *all_owned;

static inline void *fresh(size_t size)
{
    Owned *owned = (Owned *)malloc(sizeof *owned);
    if (owned == NULL || (owned->memory = calloc(1, size == 0 ? 1 : size)) == NULL) {
        wrong("there is no memory");
    }
    owned->next = all_owned;
    all_owned = owned;
    return owned->memory;
}

static inline void free_all(void)
{
    while (all_owned != NULL) {
        Owned *next = all_owned->next;
        free(all_owned->memory);
        free(all_owned);
        all_owned = next;
    }
}

/* Bytes. */
typedef struct Bytes {
    unsigned char *data;
    size_t length;
} Bytes;

#define NO_BYTES {NULL, 0}

static inline Bytes zeros(size_t length)
{
    Bytes made = {(unsigned char *)fresh(length), length};
    return made;
}

static inline Bytes copied(const void *data, size_t length)
{
    Bytes made = zeros(length);
    if (length > 0) {
        memcpy(made.data, data, length);
    }
    return made;
}

static inline Bytes text(const char *utf8) { return copied(utf8, strlen(utf8)); }

/* Little-endian on every machine. */
static inline Bytes utf16(const SEC_WCHAR *units)
{
    Bytes made = zeros(2 * wide_length(units));
    size_t i;
    for (i = 0; i < made.length; i++) {
        made.data[i] = (unsigned char)(units[i / 2] >> (i % 2 * 8));
    }
    return made;
}

static inline Bytes hex(const char *digits)
{
    Bytes made = zeros(strlen(digits) / 2);
    size_t i;
    for (i = 0; i < made.length; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], 0};
        made.data[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return made;
}

static inline Bytes join(Bytes one, Bytes other)
{
    Bytes made = zeros(one.length + other.length);
    memcpy(made.data, one.data, one.length);
    memcpy(made.data + one.length, other.data, other.length);
    return made;
}

static inline Bytes keep(Bytes bytes, size_t length)
{
    if (length > bytes.length) {
        wrong("%zu of %zu bytes", length, bytes.length);
    }
    return copied(bytes.data, length);
}

static inline Bytes flip(Bytes bytes, size_t at)
{
    Bytes made = copied(bytes.data, bytes.length);
    if (at >= bytes.length) {
        wrong("byte %zu of %zu", at, bytes.length);
    }
    made.data[at] ^= 1;
    return made;
}

/* What is found, and what is expected of it. */
#define BYTES_ARE(found, expected) bytes_are((found), (expected), #expected)
#define BYTES_ARE_NOT(found, expected) bytes_are_not((found), (expected), #expected)
#define CONTAINS(found, part) contains((found), (part), 1, #part)
#define LACKS(found, part) contains((found), (part), 0, #part)

/* In hex, as far as a line goes. */
static inline const char *dumped(Bytes bytes)
{
    size_t length = bytes.length < 64 ? bytes.length : 64, i;
    char *line = (char *)fresh(2 * length + 40);
    for (i = 0; i < length; i++) {
        snprintf(line + 2 * i, 3, "%02x", bytes.data[i]);
    }
    snprintf(line + 2 * length, 40, "%s (%zu bytes)", length < bytes.length ? "..." : "", bytes.length);
    return line;
}

static inline int bytes_equal(Bytes one, Bytes other)
{
    return one.length == other.length && (one.length == 0 || memcmp(one.data, other.data, one.length) == 0);
}

static inline void size_is(Bytes found, size_t expected)
{
    if (found.length != expected) {
        wrong("the size is %zu, not %zu", found.length, expected);
    }
}

static inline void bytes_are(Bytes found, Bytes expected, const char *what)
{
    if (!bytes_equal(found, expected)) {
        wrong("the bytes are %s, not %s, which is %s", dumped(found), dumped(expected), what);
    }
}

static inline void bytes_are_not(Bytes found, Bytes other, const char *what)
{
    if (bytes_equal(found, other)) {
        wrong("the bytes are %s", what);
    }
}

static inline void contains(Bytes found, Bytes part, int wanted, const char *what)
{
    size_t i;
    int there = 0;
    for (i = 0; i + part.length <= found.length && !there; i++) {
        there = memcmp(found.data + i, part.data, part.length) == 0;
    }
    if (there != wanted) {
        wrong("%s is %s in %s", what, there ? "there" : "not there", dumped(found));
    }
}

static inline ULONG word_at(Bytes bytes, size_t at)
{
    const unsigned char *data = bytes.data + at;
    return at + 4 > bytes.length ? 0 : data[0] | (ULONG)data[1] << 8 | (ULONG)data[2] << 16 | (ULONG)data[3] << 24;
}

/* An NTLM message of a type, with its NegotiateFlags at a place. */
static inline void is_message(Bytes found, ULONG type, size_t flags_at, ULONG flags, ULONG no_flags)
{
    ULONG there = word_at(found, flags_at);
    if (found.length < 12 || memcmp(found.data, "NTLMSSP", 8) != 0 || word_at(found, 8) != type) {
        wrong("it is no message of type %u: %s", (unsigned)type, dumped(found));
    }
    if ((there & flags) != flags || (there & no_flags) != 0) {
        wrong("the message has the flags %#x, not %#x without %#x", (unsigned)there, (unsigned)flags, (unsigned)no_flags);
    }
}

static inline void save(Bytes *place, Bytes found)
{
    if (found.length == 0) {
        wrong("there is nothing to be saved");
    }
    *place = copied(found.data, found.length);
}

static inline void number_is(uint64_t found, uint64_t expected, const char *what)
{
    if (found != expected) {
        wrong("%s is %#llx, not %#llx", what, (unsigned long long)found, (unsigned long long)expected);
    }
}

/* Texts of the family. */
#ifdef UNICODE
typedef SEC_WCHAR Character;
typedef unsigned short IdentityCharacter;
#define IDENTITY_CHARACTERS SEC_WINNT_AUTH_IDENTITY_UNICODE
#else
typedef SEC_CHAR Character;
typedef unsigned char IdentityCharacter;
#define IDENTITY_CHARACTERS SEC_WINNT_AUTH_IDENTITY_ANSI
#endif

static inline size_t text_length(const Character *characters)
{
    size_t length = 0;
    while (characters[length] != 0) {
        length++;
    }
    return length;
}

static inline int texts_equal(const Character *one, const Character *other)
{
    size_t length = text_length(one) + 1;
    return length == text_length(other) + 1 && memcmp(one, other, length * sizeof *one) == 0;
}

static inline const Character *repeated(const Character *part, size_t times)
{
    size_t length = text_length(part), i;
    Character *made = (Character *)fresh((length * times + 1) * sizeof *made);
    for (i = 0; i < times; i++) {
        memcpy(made + i * length, part, length * sizeof *made);
    }
    return made;
}

/* UTF-16 that is no text, in the family's characters: for A what UTF-8 would be of it, which is none. */
static inline const Character *no_text(const SEC_WCHAR *units, size_t length)
{
    Character *made = (Character *)fresh((3 * length + 1) * sizeof *made);
    size_t i, end = 0;
    for (i = 0; i < length; i++) {
#ifdef UNICODE
        made[end++] = units[i];
#else
        if (units[i] < 0x80) {
            made[end++] = (Character)units[i];
            continue;
        }
        made[end++] = (Character)(0xe0 | units[i] >> 12);
        made[end++] = (Character)(0x80 | (units[i] >> 6 & 0x3f));
        made[end++] = (Character)(0x80 | (units[i] & 0x3f));
#endif
    }
    return made;
}

/* For a message about it. */
static inline const char *shown_units(const void *units, size_t size, size_t length)
{
    char *line = (char *)fresh(6 * length + 1);
    size_t i, end = 0;
    for (i = 0; i < length; i++) {
        unsigned unit = size == 1 ? ((const unsigned char *)units)[i] : ((const uint16_t *)units)[i];
        end += (size_t)snprintf(line + end, 7, unit >= ' ' && (unit < 0x7f || size == 1) ? "%c" : "\\u%04x", unit);
    }
    return line;
}

static inline const char *shown(const Character *characters)
{
    return characters == NULL ? "NULL" : shown_units(characters, sizeof *characters, text_length(characters));
}

static inline void text_is(const Character *found, const Character *expected, const char *what)
{
    if (found == NULL || !texts_equal(found, expected)) {
        wrong("%s is %s, not %s", what, shown(found), shown(expected));
    }
}

/* Of structures that are the same in both families. */
static inline void wide_text_is(const void *found, const SEC_WCHAR *expected, const char *what)
{
    const SEC_WCHAR *units = (const SEC_WCHAR *)found;
    if (units == NULL || !bytes_equal(utf16(units), utf16(expected))) {
        wrong("%s is %s, not %s", what, units == NULL ? "NULL" : shown_units(units, 2, wide_length(units)),
              shown_units(expected, 2, wide_length(expected)));
    }
}

static inline IdentityCharacter *identity_text(const Character *characters, ULONG *length)
{
    *length = characters == NULL ? 0 : (ULONG)text_length(characters);
    return (IdentityCharacter *)(uintptr_t)characters;
}

/* A SEC_WINNT_AUTH_IDENTITY; with a PackageList, a SEC_WINNT_AUTH_IDENTITY_EX. */
static inline Bytes identity(const Character *user_name, const Character *domain, const Character *password, const Character *packages)
{
    if (packages == NULL) {
        SEC_WINNT_AUTH_IDENTITY made;
        memset(&made, 0, sizeof made);
        made.User = identity_text(user_name, &made.UserLength);
        made.Domain = identity_text(domain, &made.DomainLength);
        made.Password = identity_text(password, &made.PasswordLength);
        made.Flags = IDENTITY_CHARACTERS;
        return copied(&made, sizeof made);
    } else {
        SEC_WINNT_AUTH_IDENTITY_EX made;
        memset(&made, 0, sizeof made);
        made.Version = SEC_WINNT_AUTH_IDENTITY_VERSION;
        made.Length = sizeof made;
        made.User = identity_text(user_name, &made.UserLength);
        made.Domain = identity_text(domain, &made.DomainLength);
        made.Password = identity_text(password, &made.PasswordLength);
        made.PackageList = identity_text(packages, &made.PackageListLength);
        made.Flags = IDENTITY_CHARACTERS;
        return copied(&made, sizeof made);
    }
}

/* SEC_CHANNEL_BINDINGS with application data and nothing else. */
static inline Bytes bindings(Bytes application_data)
{
    SEC_CHANNEL_BINDINGS header;
    memset(&header, 0, sizeof header);
    header.cbApplicationDataLength = (ULONG)application_data.length;
    header.dwApplicationDataOffset = sizeof header;
    return join(copied(&header, sizeof header), application_data);
}

#endif
