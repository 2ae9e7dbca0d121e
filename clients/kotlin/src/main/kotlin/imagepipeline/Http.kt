package imagepipeline

import java.io.IOException
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.suspendCancellableCoroutine
import okhttp3.Call
import okhttp3.Callback
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response

/** Response of any status, with its whole body. Bodies of the API and of S3 are small. */
internal class Answer(val status: Int, val text: String, val retryAfterSeconds: Double?)

/** Sends a request and returns the response. Throws [ErrorCode.NETWORK_ERROR] without one. Cancellation aborts the call. */
internal suspend fun OkHttpClient.answer(request: Request): Answer = suspendCancellableCoroutine { waiting ->
    val call = newCall(request)
    waiting.invokeOnCancellation { call.cancel() }
    call.enqueue(object : Callback {
        override fun onResponse(call: Call, response: Response) {
            val answer = try {
                response.use { Answer(it.code, it.body.string(), it.header("Retry-After")?.toDoubleOrNull()) }
            } catch (cause: IOException) {
                return onFailure(call, cause)
            }
            waiting.resume(answer) { _, _, _ -> }
        }

        override fun onFailure(call: Call, e: IOException) {
            // The origin alone: the query of a presigned URL is a secret.
            val origin = request.url.newBuilder("/")?.build() ?: request.url.host
            val message = "No response from $origin. Check the network."
            waiting.resumeWithException(ImagesException(ErrorCode.NETWORK_ERROR, message, cause = e))
        }
    })
}
