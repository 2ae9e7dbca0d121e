package imagepipeline

import imagepipeline.model.SigningRequest
import java.io.File
import okhttp3.MediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okio.Buffer
import okio.BufferedSink
import okio.FileSystem
import okio.Path.Companion.toOkioPath
import okio.buffer

/** Larger files are uploaded in parts. */
internal const val WHOLE_BYTES_MAX = 16_000_000L

/** 6 MiB, above S3's minimum part size of 5 MiB. */
internal const val PART_BYTES = 6_291_456L

/** Receives the bytes that the network took so far and the size of the file. */
typealias Progress = (sent: Long, total: Long) -> Unit

/**
 * A range of a file as a request body. Its length is exact, because `content-length` is signed; it has no media type, so
 * that the signed `content-type` is sent unchanged.
 */
internal class FileBody(
    private val file: File,
    private val start: Long,
    private val bytes: Long,
    private val onSent: (Long) -> Unit,
) : RequestBody() {
    override fun contentType(): MediaType? = null

    override fun contentLength(): Long = bytes

    override fun writeTo(sink: BufferedSink) {
        FileSystem.SYSTEM.openReadOnly(file.toOkioPath()).use { handle ->
            handle.source(start).buffer().use { source ->
                var sent = 0L
                val chunk = Buffer()
                while (sent < bytes) {
                    val read = source.read(chunk, minOf(65_536, bytes - sent))
                    if (read == -1L) break
                    sink.write(chunk, read)
                    sink.flush()
                    sent += read
                    onSent(sent)
                }
            }
        }
    }
}

/** Sends a presigned request: method, URL and headers are signed and are sent unchanged. Returns any response. */
internal suspend fun OkHttpClient.sendSigned(
    method: String,
    url: String,
    headers: Map<String, String>?,
    body: RequestBody? = null,
): Answer {
    val isBodyless = method == "GET" || method == "DELETE"
    val sent = body ?: if (isBodyless) null else ByteArray(0).toRequestBody()
    val request = Request.Builder().url(url).method(method, sent)
    for ((name, value) in headers.orEmpty()) request.header(name, value)
    return answer(request.build())
}

private val foreign = Regex("<(!doctype )?html", RegexOption.IGNORE_CASE)
private val errorCode = Regex("<Code>([^<]*)</Code>")

/**
 * Converts a response of S3 to an outcome. CompleteMultipartUpload may return 200 with an error in the body, and a
 * captive portal returns its sign-in page with 200: neither is success.
 */
internal fun outcomeOf(answer: Answer): Outcome {
    val isRefusal = errorCode.containsMatchIn(answer.text) || foreign.containsMatchIn(answer.text)
    return Outcome("s3", answer.status, isForeign = answer.status < 300 && isRefusal)
}

/** Returns the error to report of a response that is no success, without the signed URL. */
internal fun refusalOf(answer: Answer): ImagesException {
    val code = errorCode.find(answer.text)?.groupValues?.get(1) ?: "no error code"
    val message = "S3 refused the upload with ${answer.status} and $code."
    return ImagesException(ErrorCode.UPLOAD_REFUSED, message, answer.status)
}

/** A part that S3 has. */
private class Part(val number: Int, val bytes: Long, val etag: String)

/**
 * Sends the parts of a file that S3 does not have yet, one at a time, and completes the multipart upload. [onBegun]
 * stores the id of a new multipart upload before the first part is sent. Returns the last response: the first that is
 * no success, or that of CompleteMultipartUpload.
 */
internal suspend fun sendInParts(
    images: Images,
    file: File,
    key: String,
    known: String?,
    onBegun: suspend (String) -> Unit,
    onSent: (Long) -> Unit,
): Answer {
    val total = file.length()
    suspend fun send(request: SigningRequest, body: RequestBody? = null): Answer {
        val (url, _, _, headers) = images.sign(request)
        return images.http.sendSigned(request.method.value, url, headers, body)
    }

    var sent = 0L
    val present = mutableSetOf<Int>()
    val uploadID: String
    if (known == null) {
        val answer = send(SigningRequest(SigningRequest.Method.POST, key))
        if (!answer.isSuccess) return answer
        uploadID = textOf(answer.text, "UploadId")
        onBegun(uploadID)
    } else {
        uploadID = known
        val answer = send(SigningRequest(SigningRequest.Method.GET, key, uploadId = uploadID))
        if (!answer.isSuccess) return answer
        for (part in partsIn(answer.text)) {
            present += part.number
            sent += part.bytes
        }
        onSent(sent)
    }
    val count = ((total + PART_BYTES - 1) / PART_BYTES).toInt()
    for (number in 1..count) {
        if (number in present) continue
        val start = (number - 1) * PART_BYTES
        val bytes = minOf(PART_BYTES, total - start)
        val before = sent
        val body = FileBody(file, start, bytes) { onSent(before + it) }
        val request = SigningRequest(
            SigningRequest.Method.PUT, key, uploadId = uploadID, partNumber = number, bytes = bytes,
        )
        val answer = send(request, body)
        if (!answer.isSuccess) return answer
        sent += bytes
    }
    // ETags come from ListParts, because those of parts that an earlier process sent are not stored.
    val list = send(SigningRequest(SigningRequest.Method.GET, key, uploadId = uploadID))
    if (!list.isSuccess) return list
    val parts = partsIn(list.text).joinToString("") {
        "<Part><PartNumber>${it.number}</PartNumber><ETag>${it.etag}</ETag></Part>"
    }
    val body = "<CompleteMultipartUpload>$parts</CompleteMultipartUpload>".encodeToByteArray().toRequestBody()
    return send(SigningRequest(SigningRequest.Method.POST, key, uploadId = uploadID), body)
}

private val Answer.isSuccess: Boolean
    get() = status in 200..299 && !outcomeOf(this).isForeign

private fun partsIn(xml: String): List<Part> =
    Regex("<Part>([\\s\\S]*?)</Part>").findAll(xml).map { it.groupValues[1] }.map {
        Part(textOf(it, "PartNumber").toInt(), textOf(it, "Size").toLong(), textOf(it, "ETag"))
    }.toList()

private fun textOf(xml: String, name: String): String =
    Regex("<$name>([^<]*)</$name>").find(xml)?.groupValues?.get(1)
        ?: throw ImagesException(ErrorCode.UNEXPECTED_ANSWER, "The response of S3 has no <$name>.")
