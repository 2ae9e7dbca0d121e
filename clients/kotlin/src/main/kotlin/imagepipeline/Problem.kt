package imagepipeline

import java.io.IOException

/**
 * Error codes of the API, then those of this client: no response, an upload that S3 refused, a timeout, a foreign
 * response, a queued file that the device no longer has, a store of the queue that failed. [UNKNOWN] is a code that a
 * newer API has added.
 */
enum class ErrorCode {
    INVALID_REQUEST,
    MALFORMED_JSON,
    INVALID_CURSOR,
    CURSOR_EXPIRED,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    TOO_MANY_BYTES,
    UNSUPPORTED_FORMAT,
    UNAUTHENTICATED,
    FORBIDDEN,
    IMAGE_NOT_FOUND,
    WEBHOOK_NOT_FOUND,
    DELIVERY_NOT_FOUND,
    ROUTE_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    IMAGE_NOT_READY,
    IMAGE_TRASHED,
    WEBHOOK_DISABLED,
    VERSION_CONFLICT,
    IDEMPOTENCY_KEY_REUSED,
    REQUEST_IN_PROGRESS,
    QUOTA_EXCEEDED,
    NOT_ATTEMPTED,
    IDENTITY_UNAVAILABLE,
    STORAGE_UNAVAILABLE,
    INTERNAL_ERROR,
    NETWORK_ERROR,
    UPLOAD_REFUSED,
    TIMED_OUT,
    UNEXPECTED_ANSWER,
    FILE_MISSING,
    STORE_FAILED,
    UNKNOWN;

    /** The code as the API writes it, such as `image_not_found`. */
    val text: String = name.lowercase()

    companion object {
        private val byText = entries.associateBy { it.text }

        /** Returns the constant of a code, or [UNKNOWN]. */
        fun of(text: String): ErrorCode = byText[text] ?: UNKNOWN
    }
}

/** Codes of `error` of an image that is `rejected` or `failed`. [UNKNOWN] is one that a newer API has added. */
enum class RejectionCode {
    EMPTY_FILE,
    TOO_MANY_BYTES,
    UNSUPPORTED_FORMAT,
    UNSUPPORTED_CODEC,
    TOO_MANY_PIXELS,
    SIDE_TOO_LONG,
    TOO_MANY_FRAMES,
    TOO_MANY_SCANS,
    TOO_MUCH_METADATA,
    CORRUPT_IMAGE,
    TOO_SLOW,
    TOO_MUCH_MEMORY,
    PROCESSING_FAILED,
    UNKNOWN;

    /** The code as the API writes it, such as `corrupt_image`. */
    val text: String = name.lowercase()

    companion object {
        private val byText = entries.associateBy { it.text }

        /** Returns the constant of a code, or [UNKNOWN]. */
        fun of(text: String): RejectionCode = byText[text] ?: UNKNOWN
    }
}

/**
 * Error of every call. [code] is for programs; [codeText] is the code as the API sent it, also if [code] is
 * [ErrorCode.UNKNOWN]. [status] is the HTTP status if there was a response, [requestID] the request's id in the
 * service's log.
 */
class ImagesException(
    val codeText: String,
    message: String,
    val status: Int? = null,
    val requestID: String? = null,
    val retryAfterSeconds: Double? = null,
    cause: Throwable? = null,
) : IOException(message, cause) {
    val code: ErrorCode = ErrorCode.of(codeText)

    internal constructor(code: ErrorCode, message: String, status: Int? = null, cause: Throwable? = null) :
        this(code.text, message, status, cause = cause)
}
