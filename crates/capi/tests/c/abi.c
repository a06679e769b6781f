/*
 * Sizes, places and values, checked by the compiler: as C11, as C++17, with UNICODE, and against mingw-w64's own sspi.h, for which the same must hold.
 */
#ifdef _WIN32
#define SECURITY_WIN32
#include <windows.h>

#include <security.h>
#include <ntsecapi.h>
#else
#include <ntlm_sspi.h>
#include <ntlmsp.h>
#include <security.h>
#endif

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define ASSERT(condition, text) static_assert(condition, text)
#else
#define ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define SIZE(type, size) ASSERT(sizeof(type) == (size), #type)
#define PLACE(type, member, place) ASSERT(offsetof(type, member) == (place), #type "." #member)
#define VALUE(name, value) ASSERT((uint32_t)(name) == (value), #name)

/* Widths. */
SIZE(SECURITY_STATUS, 4);
SIZE(ULONG, 4);
SIZE(USHORT, 2);
SIZE(SEC_CHAR, 1);
SIZE(SEC_WCHAR, 2);
SIZE(BOOLEAN, 1);
SIZE(ULONG_PTR, sizeof(void *));
SIZE(TimeStamp, 8);
SIZE(CredHandle, 16);
SIZE(CtxtHandle, 16);
ASSERT((SECURITY_STATUS)-1 < 0, "statuses have a sign");
VALUE(SecPkgAttrLastClientTokenYes, 0u);
VALUE(SecPkgAttrLastClientTokenNo, 1u);
VALUE(SecPkgAttrLastClientTokenMaybe, 2u);

#include "abi_layout.h"
#include "abi_values.h"

#ifndef _WIN32
SIZE(NTLM_SSPI_LOGON, 96);
PLACE(NTLM_SSPI_LOGON, User, 8);
PLACE(NTLM_SSPI_LOGON, UserLength, 32);
PLACE(NTLM_SSPI_LOGON, UserUtf8, 48);
PLACE(NTLM_SSPI_LOGON, NtResponse, 64);
PLACE(NTLM_SSPI_LOGON, Challenge, 88);
SIZE(NTLM_SSPI_VERDICT, 48);
PLACE(NTLM_SSPI_VERDICT, Key, 8);
PLACE(NTLM_SSPI_VERDICT, LmKey, 24);
PLACE(NTLM_SSPI_VERDICT, HasLmKey, 32);
PLACE(NTLM_SSPI_VERDICT, AccountUtf8, 40);
#endif

/* Code as programs for Windows have it, by names without A or W. */
int main(void)
{
    CredHandle credential;
    SecBuffer token;
    SecBufferDesc message;
    SEC_WINNT_AUTH_IDENTITY identity;
    PSecurityFunctionTable table = InitSecurityInterface();
    PSecPkgInfo package = NULL;

    SecInvalidateHandle(&credential);
    if (SecIsValidHandle(&credential) || table == NULL || table->dwVersion != 1) {
        return 1;
    }
    identity.Flags = 0;
    token.BufferType = SECBUFFER_TOKEN;
    message.ulVersion = SECBUFFER_VERSION;
    message.cBuffers = 1;
    message.pBuffers = &token;
    (void)identity;
    (void)message;
#ifndef _WIN32
    if (table->QuerySecurityPackageInfo(SEC_TEXT("NTLM"), &package) != SEC_E_OK || package->cbMaxToken != 2888) {
        return 2;
    }
    if (QuerySecurityPackageInfoW(NTLMSP_NAME, NULL) != SEC_E_INTERNAL_ERROR) {
        return 3;
    }
    if (QuerySecurityPackageInfo(NEGOSSP_NAME, NULL) != SEC_E_INTERNAL_ERROR) {
        return 4;
    }
    if (table->Reserved2 != NULL || table->Reserved8 != NULL || table->FreeCredentialsHandle == NULL) {
        return 5;
    }
    return table->FreeContextBuffer(package) == SEC_E_OK ? 0 : 6;
#else
    return package != NULL;
#endif
}
