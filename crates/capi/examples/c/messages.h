/* Sealed messages: the signature, and behind it the encrypted text. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <security.h>

#include "tcp.h"

/* Seals a text and sends it. */
static inline SECURITY_STATUS send_sealed(int socket, PCtxtHandle context, const char *text)
{
    static unsigned char packet[LONGEST];
    SecPkgContext_Sizes sizes;
    SecBuffer parts[2];
    SecBufferDesc message;
    size_t length = strlen(text);
    SECURITY_STATUS status = QueryContextAttributes(context, SECPKG_ATTR_SIZES, &sizes);

    if (status != SEC_E_OK) {
        return status;
    }
    if (length > sizeof packet - sizes.cbSecurityTrailer) {
        return SEC_E_BUFFER_TOO_SMALL;
    }
    memcpy(packet + sizes.cbSecurityTrailer, text, length);
    parts[0].BufferType = SECBUFFER_TOKEN;
    parts[0].cbBuffer = sizes.cbSecurityTrailer;
    parts[0].pvBuffer = packet;
    parts[1].BufferType = SECBUFFER_DATA;
    parts[1].cbBuffer = (ULONG)length;
    parts[1].pvBuffer = packet + sizes.cbSecurityTrailer;
    message.ulVersion = SECBUFFER_VERSION;
    message.cBuffers = 2;
    message.pBuffers = parts;
    status = EncryptMessage(context, 0, &message, 0);
    if (status == SEC_E_OK && send_bytes(socket, packet, parts[0].cbBuffer + length) != 0) {
        status = SEC_E_INCOMPLETE_MESSAGE;
    }
    return status;
}

/* Receives a text and unseals it where it lies. `text` has room for LONGEST + 1 bytes. */
static inline SECURITY_STATUS receive_sealed(int socket, PCtxtHandle context, char *text)
{
    static unsigned char packet[LONGEST];
    SecBuffer parts[2];
    SecBufferDesc message;
    size_t length;
    SECURITY_STATUS status;

    if (receive_bytes(socket, packet, &length) != 0) {
        return SEC_E_INCOMPLETE_MESSAGE;
    }
    parts[0].BufferType = SECBUFFER_STREAM;
    parts[0].cbBuffer = (ULONG)length;
    parts[0].pvBuffer = packet;
    parts[1].BufferType = SECBUFFER_DATA;
    parts[1].cbBuffer = 0;
    parts[1].pvBuffer = NULL;
    message.ulVersion = SECBUFFER_VERSION;
    message.cBuffers = 2;
    message.pBuffers = parts;
    status = DecryptMessage(context, &message, 0, NULL);
    if (status == SEC_E_OK) {
        memcpy(text, parts[1].pvBuffer, parts[1].cbBuffer);
        text[parts[1].cbBuffer] = 0;
    }
    return status;
}

#endif
