package imagepipeline

import coil3.ImageLoader
import coil3.PlatformContext
import coil3.fetch.SourceFetchResult
import coil3.request.Options
import imagepipeline.coil.ThumbHashFetcher
import imagepipeline.coil.ThumbHashKeyer
import javax.imageio.ImageIO
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlinx.coroutines.runBlocking
import okio.Buffer

class ThumbHashTest {
    /** Sunset over water, from the examples of the ThumbHash format. */
    private val hash = ThumbHash("1QcSHQRnh493V4dIh4eXh1h4kJUI")

    @Test
    fun `Coil receives a PNG with the pixels of the hash`() = runBlocking {
        val context = PlatformContext.INSTANCE
        val loader = ImageLoader.Builder(context).components {
            add(ThumbHashFetcher.Factory())
            add(ThumbHashKeyer())
        }.build()
        val options = Options(context)
        val (fetcher) = assertNotNull(loader.components.newFetcher(hash, options, loader))
        val fetched = assertIs<SourceFetchResult>(fetcher.fetch())
        assertEquals("image/png", fetched.mimeType)
        val image = ImageIO.read(fetched.source.source().inputStream())
        val pixels = hash.decode()
        assertEquals(pixels.width to pixels.height, image.width to image.height)
        val decoded = Buffer()
        for (y in 0 until image.height) for (x in 0 until image.width) {
            val argb = image.getRGB(x, y)
            decoded.writeInt((argb shl 8) or (argb ushr 24))
        }
        assertEquals(decoded.readByteString().hex(), Buffer().write(pixels.rgba).readByteString().hex())
        assertEquals("thumbhash:${hash.base64}", loader.components.key(hash, options))
    }

    @Test
    fun `refuses a text that is no ThumbHash`() {
        for (text in listOf("", "AAAA", "AAAAAAA=", "not base64!")) {
            assertFailsWith<IllegalArgumentException>(text) { ThumbHash(text).decode() }
        }
    }
}
