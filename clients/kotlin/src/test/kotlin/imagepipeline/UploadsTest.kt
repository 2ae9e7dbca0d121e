package imagepipeline

import java.io.File
import java.io.IOException
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.io.TempDir

class UploadsTest {
    @TempDir
    lateinit var folder: File

    private class FullStore(private val store: Store, var isFull: Boolean = false) : Store by store {
        override fun add(entry: Entry) = if (isFull) throw IOException("The disk is full.") else store.add(entry)

        override fun save(entry: Entry) = if (isFull) throw IOException("The disk is full.") else store.save(entry)
    }

    private val store by lazy { FullStore(FileStore(folder)) }
    private val uploads by lazy { Uploads(Images("http://127.0.0.1:9"), store, folder) }

    private suspend fun add() = uploads.add("bytes".byteInputStream(), "photo.jpg", "image/jpeg")

    private fun files() = folder.list().orEmpty().filter { it.endsWith(".bytes") }

    @Test
    fun `a run whose store fails is repeated, and the upload is as it was`() = runBlocking {
        val id = add()
        store.isFull = true
        assertEquals(ErrorCode.STORE_FAILED, assertIs<UploadResult.Retry>(uploads.run(id)).error?.code)
        store.isFull = false
        assertEquals(State.QUEUED, store.entry(id)?.state)
        assertEquals(ErrorCode.NETWORK_ERROR, assertIs<UploadResult.Retry>(uploads.run(id)).error?.code)
        assertEquals(listOf("$id.bytes"), files())
    }

    @Test
    fun `an addition that the store refuses leaves no file after the next one`() = runBlocking {
        store.isFull = true
        assertEquals(ErrorCode.STORE_FAILED, assertFailsWith<ImagesException> { add() }.code)
        store.isFull = false
        val id = add()
        assertEquals(listOf("$id.bytes"), files())
        assertEquals("277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9", store.entry(id)?.input?.sha256)
    }

    @Test
    fun `a file that vanished or changed ends the upload with its code`() = runBlocking {
        val id = add()
        File(folder, "$id.bytes").appendText("more")
        assertEquals(ErrorCode.FILE_MISSING, assertIs<UploadResult.Failure>(uploads.run(id)).error.code)
        uploads.retry(id)
        File(folder, "$id.bytes").delete()
        assertEquals(ErrorCode.FILE_MISSING, assertIs<UploadResult.Failure>(uploads.run(id)).error.code)
        uploads.dismiss(id)
        assertEquals(emptyList(), uploads.list())
    }

    @Test
    fun `a cancellation before the image exists needs no network`() = runBlocking {
        val id = add()
        assertEquals(UploadResult.Success(null), uploads.cancel(id))
        assertEquals(emptyList(), uploads.list())
        assertEquals(emptyList(), files())
    }
}
