/*
 * What programs for Windows include: sspi.h and the names of packages. SECURITY_WIN32 need not be defined here; secext.h (GetUserNameEx) is not part of
 * this library.
 */
#ifndef NTLMSSPI_SECURITY_H
#define NTLMSSPI_SECURITY_H

#include "sspi.h"

#ifndef NTLMSP_NAME_A
#include "ntlmsp.h"
#endif

/* As long as NTLM is all there is, "Negotiate" speaks raw NTLM messages. */
#ifndef NEGOSSP_NAME
#define NEGOSSP_NAME_W u"Negotiate"
#define NEGOSSP_NAME_A "Negotiate"
#define NEGOSSP_NAME NTLMSSPI_AW(NEGOSSP_NAME_)
#endif

/* Not found here: SEC_E_SECPKG_NOT_FOUND. */
#ifndef MICROSOFT_KERBEROS_NAME_A
#define MICROSOFT_KERBEROS_NAME_A "Kerberos"
#define MICROSOFT_KERBEROS_NAME_W u"Kerberos"
#define MICROSOFT_KERBEROS_NAME MICROSOFT_KERBEROS_NAME_W
#endif

#endif
