/* The buffers of a call, and what must hold of them after it. Part of table.h. */
#ifndef TABLE_BUFFERS_H
#define TABLE_BUFFERS_H

#define MOST_BUFFERS 8
/* So many bytes lie behind the memory of each buffer, and must not change. */
#define GUARD 32

typedef struct Buffers {
    SecBufferDesc description;
    SecBuffer now[MOST_BUFFERS];
    SecBuffer before[MOST_BUFFERS];
    /* The memory with its guard, as it was. */
    Bytes memory[MOST_BUFFERS];
} Buffers;

/* No buffers. */
static inline Buffers *buffers(void) { return (Buffers *)fresh(sizeof(Buffers)); }

static inline void add(Buffers *list, ULONG type, void *memory, size_t size, Bytes guarded)
{
    ULONG count = list->description.cBuffers;
    if (count == MOST_BUFFERS) {
        wrong("there are more than %d buffers", MOST_BUFFERS);
    }
    list->now[count] = list->before[count] = buffer(type, memory, size);
    list->memory[count] = guarded;
    list->description = descriptor(list->now, count + 1);
}

/* A buffer with these bytes. */
static inline void add_bytes(Buffers *list, ULONG type, Bytes content)
{
    Bytes guarded = zeros(content.length + GUARD);
    memset(guarded.data, 0xa5, guarded.length);
    if (content.length > 0) {
        memcpy(guarded.data, content.data, content.length);
    }
    add(list, type, copied(guarded.data, guarded.length).data, content.length, guarded);
}

/* A buffer whose content does not matter. */
static inline void add_room(Buffers *list, ULONG type, size_t size)
{
    Bytes content = zeros(size);
    memset(content.data, 0xa5, size);
    add_bytes(list, type, content);
}

/* A buffer without memory. */
static inline void add_null(Buffers *list, ULONG type, size_t size) { add(list, type, NULL, size, zeros(0)); }

/* The memory that a buffer was given is as it was, from `start` on. */
static inline void memory_is_the_same(const Buffers *list, ULONG index, size_t start)
{
    const unsigned char *memory = (const unsigned char *)list->before[index].pvBuffer;
    size_t i;
    for (i = start; i < list->memory[index].length; i++) {
        if (memory[i] != list->memory[index].data[i]) {
            wrong("buffer %u of %u bytes: byte %zu was written", (unsigned)index, (unsigned)list->before[index].cbBuffer, i);
        }
    }
}

static inline void type_is_the_same(const Buffers *list, ULONG index)
{
    if (list->now[index].BufferType != list->before[index].BufferType) {
        wrong("buffer %u has the type %#x", (unsigned)index, (unsigned)list->now[index].BufferType);
    }
}

static inline void size_is_the_same(const Buffers *list, ULONG index)
{
    if (list->now[index].cbBuffer != list->before[index].cbBuffer) {
        wrong("buffer %u has %u bytes, not %u as before", (unsigned)index, (unsigned)list->now[index].cbBuffer,
              (unsigned)list->before[index].cbBuffer);
    }
}

static inline void place_is_the_same(const Buffers *list, ULONG index)
{
    if (list->now[index].pvBuffer != list->before[index].pvBuffer) {
        wrong("buffer %u points elsewhere", (unsigned)index);
    }
}

/* Nothing happened to a buffer. */
static inline void unchanged(const Buffers *list, ULONG index)
{
    type_is_the_same(list, index);
    size_is_the_same(list, index);
    place_is_the_same(list, index);
    memory_is_the_same(list, index, 0);
}

static inline void all_unchanged(const Buffers *list)
{
    ULONG i;
    for (i = 0; i < list->description.cBuffers; i++) {
        unchanged(list, i);
    }
}

/* What a leg put into memory of the caller's. */
static inline Bytes token(const Buffers *list, ULONG index)
{
    Bytes found = {(unsigned char *)list->now[index].pvBuffer, list->now[index].cbBuffer};
    type_is_the_same(list, index);
    place_is_the_same(list, index);
    if (found.length > list->before[index].cbBuffer) {
        wrong("a token of %zu bytes in %u", found.length, (unsigned)list->before[index].cbBuffer);
    }
    memory_is_the_same(list, index, list->before[index].cbBuffer);
    return found;
}

/* What a message function left in a buffer; nothing was written behind it. */
static inline Bytes part(const Buffers *list, ULONG index)
{
    Bytes found = token(list, index);
    memory_is_the_same(list, index, found.length);
    return found;
}

/* What a message function found in the memory of another buffer. */
static inline Bytes part_of(const Buffers *list, ULONG index, ULONG other, size_t offset)
{
    Bytes found = {(unsigned char *)list->now[index].pvBuffer, list->now[index].cbBuffer};
    type_is_the_same(list, index);
    if (found.data != (unsigned char *)list->before[other].pvBuffer + offset ||
        offset + found.length > list->before[other].cbBuffer) {
        wrong("buffer %u does not point to byte %zu of buffer %u", (unsigned)index, offset, (unsigned)other);
    }
    return found;
}

/* A token in memory of the package's, which takes it back; one of no bytes has none. What the caller had there is passed over. */
#define ALLOCATED_TOKEN(list, index) allocated_token((list), (index), sspi->FreeContextBuffer)

static inline Bytes allocated_token(const Buffers *list, ULONG index, FREE_CONTEXT_BUFFER_FN free_it)
{
    void *memory = list->now[index].pvBuffer;
    Bytes found = NO_BYTES;
    type_is_the_same(list, index);
    memory_is_the_same(list, index, 0);
    if ((memory == NULL) != (list->now[index].cbBuffer == 0) || (memory != NULL && memory == list->before[index].pvBuffer)) {
        wrong("a token of %u bytes is in no memory of the package's", (unsigned)list->now[index].cbBuffer);
    }
    found = copied(memory, list->now[index].cbBuffer);
    if (free_it(memory) != SEC_E_OK) {
        wrong("the memory of the token is not the package's to free");
    }
    return found;
}

#endif
