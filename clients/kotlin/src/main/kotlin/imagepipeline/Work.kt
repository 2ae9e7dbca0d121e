package imagepipeline

import imagepipeline.model.SigningRequest
import imagepipeline.model.Upload
import java.io.File
import kotlinx.coroutines.CancellationException

/** Result of a step: the input for the machine, and the error to report. */
internal open class Step(val input: Input, val error: ImagesException? = null)

/** Result of [Work.create]: the entry with the new image, and the presigned request for its bytes. */
internal class Created(input: Input, val entry: Entry, val upload: Upload? = null, error: ImagesException? = null) :
    Step(input, error)

/** Requests of one queued upload, each reduced to an input of the machine. */
internal class Work(private val images: Images) {
    /**
     * Creates the image of an entry, or continues with the image that an earlier run created. Asks for that image first:
     * the idempotency key lives for a day, and bytes that have arrived must not be sent to a second image.
     */
    suspend fun create(entry: Entry, file: File): Created = try {
        when (val known = entry.imageID?.let { existing(it) } ?: PENDING) {
            PENDING -> createPending(entry, file)
            "gone" -> Created(Event(known), entry, error = deleted(entry))
            else -> Created(Event(known), entry)
        }
    } catch (error: Exception) {
        Created(inputOf(error), entry, error = asImagesException(error))
    }

    private suspend fun createPending(entry: Entry, file: File): Created {
        // A file of another length is another file: S3 would refuse it, because the length is signed.
        if (file.length() != entry.input.bytes || entry.input.bytes == 0L) {
            return Created(Outcome("file"), entry, error = missing(entry))
        }
        val image = images.create(entry.input, "${entry.id}-${entry.generation}")
        val found = entry.copy(imageID = image.id, key = image.source.key)
        val isNew = image.upload != null
        return Created(Outcome("api", if (isNew) 201 else 200, hasUpload = isNew), found, image.upload)
    }

    /** Sends the bytes: one PUT, or the missing parts of a multipart upload. */
    suspend fun transfer(
        entry: Entry,
        file: File,
        upload: Upload,
        onBegun: suspend (String) -> Unit,
        onProgress: Progress,
    ): Step = try {
        // The field is absent in imports alone, which the queue does not make.
        val total = requireNotNull(entry.input.bytes)
        val answer = if (total > WHOLE_BYTES_MAX) {
            sendInParts(images, file, entry.key.orEmpty(), entry.uploadID, onBegun) { onProgress(it, total) }
        } else {
            val body = FileBody(file, 0, total) { onProgress(it, total) }
            images.http.sendSigned(upload.method, upload.url, upload.headers, body)
        }
        val outcome = outcomeOf(answer)
        Step(outcome, if (Machine.eventOf(outcome) == "sent") null else refusalOf(answer))
    } catch (error: Exception) {
        Step(inputOf(error), asImagesException(error))
    }

    /** Deletes the image of a cancelled upload for good, and aborts its multipart upload: S3 bills the parts of an open one. */
    suspend fun remove(entry: Entry): Step = try {
        val (id, key, uploadID) = Triple(entry.imageID, entry.key, entry.uploadID)
        // First, because the API signs nothing for an image that was deleted.
        if (key != null && uploadID != null) abortParts(key, uploadID)
        if (id != null) images.delete(id, permanent = true)
        Step(Event("removed"))
    } catch (error: Exception) {
        Step(inputOf(error), asImagesException(error))
    }

    /** Throws errors alone that pass. After any other, S3's lifecycle rule aborts the multipart upload. */
    private suspend fun abortParts(key: String, uploadID: String) {
        try {
            val signed = images.sign(SigningRequest(SigningRequest.Method.DELETE, key, uploadId = uploadID))
            images.http.sendSigned("DELETE", signed.url, signed.headers)
        } catch (error: ImagesException) {
            if (error.code == ErrorCode.NETWORK_ERROR || (error.status ?: 0) >= 500) throw error
        }
    }

    private suspend fun existing(id: String): String = try {
        if (images.get(id).status == PENDING) PENDING else "present"
    } catch (error: ImagesException) {
        if (error.code != ErrorCode.IMAGE_NOT_FOUND) throw error
        if (wasDeleted(id)) "gone" else "lapsed"
    }

    /** The events of a deleted image stay readable; a `pending` image that expired leaves no deletion. */
    private suspend fun wasDeleted(id: String): Boolean = try {
        images.events(id).any { it.type == "deleting" || it.type == "deleted" }
    } catch (error: ImagesException) {
        if (error.code != ErrorCode.IMAGE_NOT_FOUND) throw error
        false
    }

    private companion object {
        const val PENDING = "pending"

        fun missing(entry: Entry): ImagesException {
            val message = "The device no longer has the file \"${entry.input.filename}\" of ${entry.input.bytes} bytes."
            return ImagesException(ErrorCode.FILE_MISSING, message)
        }

        fun deleted(entry: Entry): ImagesException {
            val message = "The image ${entry.imageID} was deleted. Retry to upload it as a new image."
            return ImagesException(ErrorCode.IMAGE_NOT_FOUND, message)
        }
    }
}

/**
 * Converts an error to an outcome. An error that is not the client's, such as one of the app's `token`, is transient.
 * Rethrows a cancellation, and errors of the store.
 */
internal fun inputOf(error: Exception): Input {
    if (error is CancellationException) throw error
    if (error !is ImagesException) return Outcome("api", 500)
    return when (error.code) {
        ErrorCode.STORE_FAILED -> throw error
        ErrorCode.NETWORK_ERROR -> Outcome("network")
        else -> Outcome(
            "api",
            error.status,
            error.codeText,
            isJson = error.code != ErrorCode.UNEXPECTED_ANSWER,
            retryAfterSeconds = error.retryAfterSeconds,
        )
    }
}

private fun asImagesException(error: Exception): ImagesException =
    error as? ImagesException ?: ImagesException(ErrorCode.UNEXPECTED_ANSWER, error.toString(), cause = error)
